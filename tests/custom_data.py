"""A tiny set of one's own images: two cameras of different size, one tilted; noise for pixels."""

from pathlib import Path

import cv2
import numpy as np

from epropnp_data.custom import Category, CustomImage, CustomObject, CustomSet, write_custom
from epropnp_data.geometry.boxes import yaw_to_rotation
from epropnp_data.images.cameras import rotation_from_gravity

CATEGORIES = (Category("crate", ("open", "shut"), 30.0), Category("robot"))
GRAVITY = np.array([0.05, 0.97, 0.2]) / np.linalg.norm([0.05, 0.97, 0.2])
GROUND = rotation_from_gravity(GRAVITY)
LEVEL_K = np.array([[200.0, 0, 120], [0, 200, 68], [0, 0, 1]])
TILTED_K = np.array([[150.0, 0, 80], [0, 150, 64], [0, 0, 1]])


LEVEL = np.eye(3)


def make_object(label, center_ground, yaw, to_camera=LEVEL, **options) -> CustomObject:
    """An upright object given in the ground frame."""
    size = np.array([(1.2, 1.0, 0.8), (2.0, 1.5, 1.0)][label])
    return CustomObject(
        label, to_camera @ center_ground, size, to_camera @ yaw_to_rotation(yaw), **options
    )


def custom_set(path: Path, annotated: bool = True, bare: bool = False) -> CustomSet:
    """Two images of three counted objects, one more that is to be ignored.

    Args:
        path: of its file.
        annotated: with objects.
        bare: no attributes and no velocities.
    """
    known = {} if bare else dict(attribute="shut", velocity=np.array([0.5, -1.0]))
    level = (
        make_object(0, np.array([-1.0, 0.4, 8]), 0.5, **known),
        make_object(1, np.array([1.5, 0.2, 10]), -2.0, visibility=0.9),
        make_object(1, np.array([0.2, 0.3, 20]), 1.0, ignore=True),
    )
    tilted = (make_object(0, np.array([0.5, 0.3, 9]), 2.5, GROUND.T),)
    images = (
        CustomImage("level.png", 240, 136, LEVEL_K, objects=level if annotated else None),
        CustomImage(
            "tilted.png", 160, 128, TILTED_K, GRAVITY, objects=tilted if annotated else None
        ),
    )
    categories = tuple(Category(c.name) for c in CATEGORIES) if bare else CATEGORIES
    return CustomSet(path, categories, images)


def write_set(folder: Path, **options: bool) -> Path:
    """The set as ``set.json`` with its images in a folder, which is returned."""
    rng = np.random.default_rng(0)
    custom = custom_set(folder / "set.json", **options)
    for image in custom.images:
        coarse = rng.integers(0, 255, (8, 12, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / image.file_name), cv2.resize(coarse, (image.width, image.height)))
    write_custom(custom)
    return folder
