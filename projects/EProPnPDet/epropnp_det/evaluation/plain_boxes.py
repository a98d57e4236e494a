"""Boxes of one image of a plain file, true and found, in one form."""

from typing import NamedTuple

import numpy as np

from epropnp_data.custom import CustomImage
from epropnp_data.vocabulary import Vocabulary

from ..datasets.annotation_filter import AnnotationFilter
from ..datasets.camera_annotations import CameraAnnotations
from ..datasets.custom_annotations import annotate_custom
from .camera_boxes import CameraBoxes


class PlainBoxes(NamedTuple):
    """Boxes of one image; N boxes in the frame of the level camera.

    Attributes:
        centers: (N, 3) metres.
        dims: (N, 3) length, height, width.
        yaws: (N,).
        velocities: (N, 2) along x and z, m/s; NaN if unknown.
        labels: (N,) int class.
        attributes: (N,) int; -1 if unknown.
        scores: (N,); of true boxes 1.
        ignored: (N,) bool, true boxes that do not count.
        covariances: (N, 3, 3) of x, z and yaw; NaN if unknown.
    """

    centers: np.ndarray
    dims: np.ndarray
    yaws: np.ndarray
    velocities: np.ndarray
    labels: np.ndarray
    attributes: np.ndarray
    scores: np.ndarray
    ignored: np.ndarray
    covariances: np.ndarray

    def select(self, keep: np.ndarray) -> "PlainBoxes":
        """Rows of a boolean mask or an index array."""
        return PlainBoxes(*(field[keep] for field in self))

    @staticmethod
    def empty() -> "PlainBoxes":
        """No boxes."""
        shapes = [(0, 3), (0, 3), (0,), (0, 2), (0,), (0,), (0,), (0,), (0, 3, 3)]
        types = [float, float, float, float, int, int, float, bool, float]
        return PlainBoxes(*(np.zeros(*each) for each in zip(shapes, types, strict=True)))

    @property
    def geometry(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Centers, dims and yaws."""
        return self.centers, self.dims, self.yaws

    @property
    def distances(self) -> np.ndarray:
        """(N,) metres on the ground."""
        return np.hypot(self.centers[:, 0], self.centers[:, 2])


def true_boxes(
    image: CustomImage, names: Vocabulary, counted: AnnotationFilter, limits: np.ndarray
) -> PlainBoxes:
    """Annotated boxes with the labels of their file.

    Args:
        image: with its objects.
        names: of the file.
        counted: objects that do not pass are ignored.
        limits: (K,) metres, by label of the file; objects beyond are ignored.
    """
    parts = [annotate_custom(image, names, ignored) for ignored in (False, True)]
    passed = [counted(parts[0]), np.zeros(len(parts[1]), dtype=bool)]
    boxes = [_of(each) for each in parts]
    joined = PlainBoxes(*(np.concatenate(columns) for columns in zip(*boxes, strict=True)))
    passed = np.concatenate(passed) & (joined.distances <= limits[joined.labels])
    return joined._replace(ignored=~passed)


def found_boxes(boxes: CameraBoxes, covariances: np.ndarray | None) -> PlainBoxes:
    """Detections; those that are not finite are left out.

    Args:
        boxes: of one image.
        covariances: (N, 4, 4) of x, y, z and yaw, or None.
    """
    count = len(boxes.labels)
    if covariances is None:
        covariances = np.full((count, 4, 4), np.nan)
    columns = (boxes.centers, boxes.dims, boxes.yaws[:, None], boxes.scores[:, None])
    finite = np.isfinite(np.concatenate(columns, axis=1)).all(axis=1)
    return PlainBoxes(
        centers=boxes.centers,
        dims=boxes.dims,
        yaws=boxes.yaws,
        velocities=boxes.velocities,
        labels=boxes.labels,
        attributes=boxes.attr_labels,
        scores=boxes.scores,
        ignored=np.zeros(count, dtype=bool),
        covariances=covariances[:, [[0], [2], [3]], [0, 2, 3]],
    ).select(finite)


def _of(annotations: CameraAnnotations) -> PlainBoxes:
    count = len(annotations)
    return PlainBoxes(
        centers=annotations.centers.astype(float),
        dims=annotations.dims.astype(float),
        yaws=annotations.yaws.astype(float),
        velocities=annotations.velocities.astype(float),
        labels=annotations.labels,
        attributes=annotations.attr_labels,
        scores=np.ones(count),
        ignored=np.zeros(count, dtype=bool),
        covariances=np.full((count, 3, 3), np.nan),
    )
