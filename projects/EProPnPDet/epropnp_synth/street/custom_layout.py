"""Photographs in the plain file of one's own images: two cameras of different size, one tilted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from epropnp_data.custom import Category, CustomImage, CustomObject, CustomSet, write_custom
from epropnp_data.images.cameras import rotation_from_gravity

from ..rig import Camera
from .photo import Photo, SeenObject, make_camera

PITCH = 12.0  # degrees the second camera looks down
CATEGORIES = (
    Category("car", ("moving", "stopped", "parked"), 50.0),
    Category("pedestrian", ("moving", "standing", "sitting_lying_down"), 40.0),
    Category("cone", (), 30.0),
)
NAMES = {"car": "car", "pedestrian": "pedestrian", "traffic_cone": "cone"}


def custom_cameras(image_scale: float) -> tuple[Camera, ...]:
    """A level camera of 1600 x 900 pixels at ``image_scale`` 1, and a tilted one of 1200 x 900."""
    wide, narrow = ((round(w * image_scale), round(900 * image_scale)) for w in (1600, 1200))
    return (
        make_camera("level", wide, 1266 * image_scale, 0.0, 1.5),
        make_camera("tilted", narrow, 900 * image_scale, PITCH, 2.2),
    )


def image_name(number: int, camera: Camera) -> str:
    """File of an image, relative to the data root."""
    return f"images/{camera.calibration.channel}/{number:06d}.png"


def write_annotations(root: Path, splits: dict[str, list[tuple[int, Camera, Photo]]]) -> None:
    """Write ``<split>.json`` of each split."""
    for split, items in splits.items():
        images = tuple(_image(*item) for item in items)
        custom = CustomSet(root / f"{split}.json", CATEGORIES, images)
        write_custom(custom, dict(description="rendered streets"))


def _image(number: int, camera: Camera, photo: Photo) -> CustomImage:
    mount = camera.calibration.sensor_to_ego
    gravity = mount.matrix.T @ np.array([0.0, 0, -1])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = mount.matrix, mount.translation
    ground = rotation_from_gravity(gravity)
    return CustomImage(
        file_name=image_name(number, camera),
        width=camera.size[0],
        height=camera.size[1],
        intrinsics=camera.intrinsic,
        gravity=gravity if camera.calibration.channel == "tilted" else None,
        group=f"{number:06d}",
        camera=camera.calibration.channel,
        camera_to_ego=pose,
        objects=tuple(
            _object(item, ground) for item in photo.objects if item.actor.class_name in NAMES
        ),
    )


def _object(item: SeenObject, ground: np.ndarray) -> CustomObject:
    names = [category.name for category in CATEGORIES]
    attribute = None if item.attribute is None else item.attribute.split(".")[1]
    return CustomObject(
        label=names.index(NAMES[item.actor.class_name]),
        center_cam=item.center_cam,
        size_lhw=item.size_lhw,
        rotation=item.rotation,
        bbox=item.bbox,
        velocity=(ground @ item.velocity_cam)[[0, 2]],
        attribute=attribute,
        visibility=min(item.visibility, 1.0),
    )
