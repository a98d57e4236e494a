"""From KITTI's folders to the plain file of one's own images."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from ..custom import Category, CustomImage, CustomObject, CustomSet
from ..errors import DatasetError
from ..geometry.boxes import yaw_to_rotation
from ..images.reading import read_image
from .calibration import CameraCalibration, read_calibration
from .labels import KittiLabel, read_labels

CLASSES = ("Car", "Pedestrian", "Cyclist")
NEUTRAL = {"Van": "Car", "Person_sitting": "Pedestrian"}  # neither asked for nor a false alarm
VISIBILITY = {0: 1.0, 1: 0.7, 2: 0.5}  # of KITTI's levels of occlusion


def folder_of(split: str) -> str:
    """Folder of the images of a split."""
    return "testing" if split == "test" else "training"


def read_split(root: Path, split: str) -> list[str]:
    """Names of the images of a split.

    Raises:
        DatasetError: the list is missing or empty.
    """
    path = root / "ImageSets" / f"{split}.txt"
    names = path.read_text().split() if path.is_file() else []
    if not names:
        raise DatasetError(
            f"{path}: no list of images (one number such as 000123 per line). The usual split of "
            "KITTI's training images into train and val comes with mmdet3d's documentation of KITTI"
        )
    return names


def convert_split(
    root: Path, split: str, out: Path, progress: Callable[[Iterable], Iterable] = iter
) -> CustomSet:
    """The plain set of a split; "test" has no annotations.

    Args:
        root: folder with ``training`` and ``ImageSets``.
        split: list in ``ImageSets``.
        out: path of the set; file names of its images are relative to ``root``.
        progress: wraps the loop over the images.

    Raises:
        DatasetError: a file is missing or wrong; the message names it.
    """
    folder = folder_of(split)
    images = [_image(root, folder, name) for name in progress(read_split(root, split))]
    return CustomSet(out, tuple(Category(name) for name in CLASSES), tuple(images))


def _image(root: Path, folder: str, name: str) -> CustomImage:
    file_name = f"{folder}/image_2/{name}.png"
    height, width = read_image(root / file_name).shape[:2]
    camera = read_calibration(root / folder / "calib" / f"{name}.txt")
    objects = None
    if folder == "training":
        labels = read_labels(root / folder / "label_2" / f"{name}.txt")
        found = [_object(label, camera) for label in labels]
        objects = tuple(each for each in found if each is not None)
    return CustomImage(
        file_name=file_name,
        width=width,
        height=height,
        intrinsics=camera.intrinsics,
        group=name,
        camera="image_2",
        objects=objects,
    )


def _object(label: KittiLabel, camera: CameraCalibration) -> CustomObject | None:
    """An object of the three classes, or one that is neutral to them; None for others."""
    kind = NEUTRAL.get(label.kind, label.kind)
    if kind not in CLASSES:
        return None
    height, width, length = label.size_hwl
    center = np.array(label.location) - [0, 0.5 * height, 0] + camera.offset
    x1, y1, x2, y2 = label.bbox
    return CustomObject(
        label=CLASSES.index(kind),
        center_cam=center,
        size_lhw=np.array([length, height, width]),
        rotation=yaw_to_rotation(label.rotation_y),
        bbox=np.array([x1, y1, x2, y2]) if x2 > x1 and y2 > y1 else None,
        visibility=VISIBILITY.get(label.occluded),
        ignore=kind != label.kind,
    )
