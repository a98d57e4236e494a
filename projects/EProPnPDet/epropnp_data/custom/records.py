"""A set of images with 3D boxes.

Metres, radians, pixels. Camera frame: x right, y down, z forward. Object frame: x length
(forward), y height (down), z width. Ground frame: the camera frame turned so that gravity points
along y; the camera frame itself for a level camera.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..vocabulary import Vocabulary


@dataclass(frozen=True)
class Category:
    """A class of objects.

    Attributes:
        name: unique.
        attributes: names of the states that its objects can be in; empty without.
        max_distance: metres up to which it is evaluated, on the ground; None for any.
        size_mean: (length, height, width); None to take it from the annotations.
        size_std: standard deviations likewise.
    """

    name: str
    attributes: tuple[str, ...] = ()
    max_distance: float | None = None
    size_mean: tuple[float, float, float] | None = None
    size_std: tuple[float, float, float] | None = None


@dataclass(frozen=True, eq=False)
class CustomObject:
    """An annotated object.

    Attributes:
        label: index of its category.
        center_cam: (3,) centre of the box, camera frame.
        size_lhw: (3,) length, height, width.
        rotation: (3, 3) object to camera.
        bbox: (4,) x1, y1, x2, y2 of its visible part; None to project the box.
        velocity: (2,) along x and z of the ground frame, m/s; None if unknown.
        attribute: name of its state; None if unknown.
        visibility: share in [0, 1] that nothing hides; None if unknown.
        ignore: neither trained on nor counted when it is found or missed.
    """

    label: int
    center_cam: np.ndarray
    size_lhw: np.ndarray
    rotation: np.ndarray
    bbox: np.ndarray | None = None
    velocity: np.ndarray | None = None
    attribute: str | None = None
    visibility: float | None = None
    ignore: bool = False


@dataclass(frozen=True, eq=False)
class CustomImage:
    """An image and its camera.

    Attributes:
        file_name: relative to the folder of the set; unique.
        width: pixels.
        height: pixels.
        intrinsics: (3, 3) camera matrix.
        gravity: (3,) its direction in the camera frame; None for a level camera.
        group: images of one moment share it; None for an image of its own.
        camera: name of the camera, or None.
        camera_to_ego: (4, 4) into a vehicle's frame (x forward, y left, z up), or None.
        objects: annotated objects; None where nothing is annotated.
    """

    file_name: str
    width: int
    height: int
    intrinsics: np.ndarray
    gravity: np.ndarray | None = None
    group: str | None = None
    camera: str | None = None
    camera_to_ego: np.ndarray | None = None
    objects: tuple[CustomObject, ...] | None = None


@dataclass(frozen=True)
class CustomSet:
    """All of a file.

    Attributes:
        path: the file.
        categories: in the order of the labels.
        images: in the order of the file.
    """

    path: Path
    categories: tuple[Category, ...]
    images: tuple[CustomImage, ...]

    @property
    def vocabulary(self) -> Vocabulary:
        """Names of classes and attributes."""
        own = {each.name: each.attributes for each in self.categories if each.attributes}
        names = dict.fromkeys(name for each in own.values() for name in each)
        return Vocabulary(tuple(each.name for each in self.categories), tuple(names), own)

    @property
    def is_annotated(self) -> bool:
        """Whether the file says what is in its images."""
        return any(image.objects is not None for image in self.images)
