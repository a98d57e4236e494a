"""Objects of one's own images in the form that the transforms take."""

from dataclasses import replace

import numpy as np
from pyquaternion import Quaternion

from epropnp_data.custom import CustomImage, CustomObject
from epropnp_data.geometry.boxes import OBJECT_TO_NUSCENES, box_corners, rotation_to_yaw
from epropnp_data.images.cameras import rotation_from_gravity
from epropnp_data.nuscenes.taxonomy import visibility_level
from epropnp_data.vocabulary import Vocabulary

from .box_projection import annotation_box, truncation
from .camera_annotations import CameraAnnotations


def ground_of(image: CustomImage) -> np.ndarray | None:
    """Rotation (3, 3) into the ground frame; None for a level camera."""
    return None if image.gravity is None else rotation_from_gravity(image.gravity)


def levelled(image: CustomImage) -> CustomImage:
    """The image as a level camera at the same place sees it (:func:`level_view`).

    The 2D boxes of its objects are unknown then.
    """
    ground = ground_of(image)
    if ground is None:
        return image
    objects = tuple(
        replace(
            item, center_cam=ground @ item.center_cam, rotation=ground @ item.rotation, bbox=None
        )
        for item in image.objects or ()
    )
    return replace(image, gravity=None, objects=objects)


def annotate_custom(
    image: CustomImage, vocabulary: Vocabulary, ignored: bool = False
) -> CameraAnnotations:
    """Objects of an image, with the labels of its file.

    Those of a tilted camera are given as the levelled image shows them. Left out are those without
    a 2D box that cover no area of the image.

    Args:
        image: with its objects.
        vocabulary: of its file.
        ignored: the objects to ignore, instead of those that count.
    """
    size_wh, image = (image.width, image.height), levelled(image)
    objects = [item for item in image.objects or () if item.ignore == ignored]
    rotations = _stack([item.rotation for item in objects], (3, 3))
    centers = _stack([item.center_cam for item in objects], (3,))
    sizes = _stack([item.size_lhw for item in objects], (3,))
    corners = box_corners(centers, sizes, rotations)
    bboxes = [
        annotation_box(corner, image.intrinsics, size_wh) if item.bbox is None else item.bbox
        for item, corner in zip(objects, corners, strict=True)
    ]
    seen = np.array([i for i, bbox in enumerate(bboxes) if bbox is not None], dtype=np.int64)
    objects = [objects[i] for i in seen]
    return CameraAnnotations(
        size_wh=np.array(size_wh),
        bboxes=_stack([bboxes[i] for i in seen], (4,), np.float32),
        centers=centers[seen].astype(np.float32),
        dims=sizes[seen].astype(np.float32),
        rotations=_stack([_quaternion(rotations[i]) for i in seen], (4,), np.float32),
        yaws=rotation_to_yaw(rotations[seen]).astype(np.float32),
        velocities=_stack([_velocity(item) for item in objects], (2,), np.float32),
        labels=np.array([item.label for item in objects], dtype=np.int64),
        attr_labels=np.array([_attribute(item, vocabulary) for item in objects], dtype=np.int64),
        visibility=np.array([_level(item) for item in objects], dtype=np.int64),
        truncation=truncation(corners[seen], image.intrinsics, size_wh).astype(np.float32),
    )


def _quaternion(rotation: np.ndarray) -> np.ndarray:
    return Quaternion(matrix=rotation @ OBJECT_TO_NUSCENES.T, rtol=1e-6, atol=1e-6).elements


def _velocity(item: CustomObject) -> np.ndarray:
    return np.full(2, np.nan) if item.velocity is None else item.velocity


def _attribute(item: CustomObject, vocabulary: Vocabulary) -> int:
    return -1 if item.attribute is None else vocabulary.attributes.index(item.attribute)


def _level(item: CustomObject) -> int:
    return 0 if item.visibility is None else visibility_level(item.visibility)


def _stack(rows: list, shape: tuple[int, ...], dtype: type = np.float64) -> np.ndarray:
    return np.array(rows, dtype=dtype).reshape(-1, *shape)
