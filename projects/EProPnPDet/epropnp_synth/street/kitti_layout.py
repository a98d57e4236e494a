"""Photographs in the layout of KITTI's object benchmark."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from epropnp_data.kitti import KittiLabel, write_labels

from ..rig import Camera
from .photo import Photo, SeenObject, make_camera

SIZE, FOCAL, HEIGHT = (1242, 375), 721.5, 1.65
BASELINE = 0.06  # metres from the reference camera to the one of the images
HIDDEN = 0.1  # share that is visible, below which an object is a region not to care about


def kitti_cameras(image_scale: float) -> tuple[Camera, ...]:
    """The one camera; ``image_scale`` 1 gives 1242 x 375 images."""
    size = (round(SIZE[0] * image_scale), round(SIZE[1] * image_scale))
    return (make_camera("image_2", size, FOCAL * image_scale, 0.0, HEIGHT),)


def image_name(number: int, camera: Camera) -> str:
    """File of an image, relative to the data root."""
    return f"training/image_2/{number:06d}.png"


def write_annotations(root: Path, splits: dict[str, list[tuple[int, Camera, Photo]]]) -> None:
    """Write labels, calibrations and lists of the splits.

    Args:
        root: data root.
        splits: per split number, camera and photograph of its images.
    """
    for name in ("training/label_2", "training/calib", "ImageSets"):
        (root / name).mkdir(parents=True)
    for split, items in splits.items():
        for number, camera, photo in items:
            labels = [kitti_label(item) for item in photo.objects]
            write_labels(root / f"training/label_2/{number:06d}.txt", labels)
            _write_calibration(root / f"training/calib/{number:06d}.txt", camera)
        lines = "".join(f"{number:06d}\n" for number, _, _ in items)
        (root / f"ImageSets/{split}.txt").write_text(lines)


def kitti_label(item: SeenObject) -> KittiLabel:
    """Line of a label file; KITTI's reference camera is beside the one of the images."""
    if item.visibility < HIDDEN:
        return KittiLabel.region("DontCare", tuple(item.bbox))
    x, y, z = item.center_cam + np.array([-BASELINE, 0.5 * item.size_lhw[1], 0])
    yaw = float(np.arctan2(-item.rotation[2, 0], item.rotation[0, 0]))
    length, height, width = item.size_lhw
    return KittiLabel(
        kind=kind_of(item),
        truncated=item.truncation,
        occluded=0 if item.visibility > 0.8 else 1 if item.visibility > 0.5 else 2,
        alpha=float((yaw - np.arctan2(x, z) + np.pi) % (2 * np.pi) - np.pi),
        bbox=tuple(item.bbox),
        size_hwl=(height, width, length),
        location=(x, y, z),
        rotation_y=yaw,
    )


def kind_of(item: SeenObject) -> str:
    """KITTI's name of an object."""
    name, posture = item.actor.class_name, item.actor.posture
    if name == "pedestrian":
        return "Person_sitting" if posture == "sitting" else "Pedestrian"
    if name in ("bicycle", "motorcycle"):
        return "Cyclist" if posture == "ridden" else "Misc"
    return {"car": "Car", "truck": "Truck"}.get(name, "Misc")


def _write_calibration(path: Path, camera: Camera) -> None:
    projection = np.column_stack([camera.intrinsic, np.zeros(3)])
    shifted = projection.copy()
    shifted[:, 3] = camera.intrinsic @ [BASELINE, 0, 0]
    lidar = np.array([[0.0, -1, 0, 0], [0, 0, -1, -0.08], [1, 0, 0, -0.27]])
    rows = {"P0": projection, "P1": projection, "P2": shifted, "P3": projection}
    rows |= {"R0_rect": np.eye(3), "Tr_velo_to_cam": lidar, "Tr_imu_to_velo": np.eye(4)[:3]}
    lines = [f"{name}: " + " ".join(f"{v:.12e}" for v in m.ravel()) for name, m in rows.items()]
    path.write_text("\n".join(lines) + "\n")
