"""Predictions of one image as plain arrays."""

from typing import NamedTuple

import numpy as np

from epropnp_data.vocabulary import Vocabulary

from .attributes import attributes_from_labels, attributes_from_logits


class CameraBoxes(NamedTuple):
    """Detections of one image; N boxes in the unmirrored camera frame, float64.

    For a camera that is not level the frame is turned so that gravity points along y.

    Attributes:
        centers: (N, 3) box centres (not bottom centres), metres.
        dims: (N, 3) length, height, width.
        yaws: (N,) heading about the frame's y axis.
        velocities: (N, 2) along the frame's x and z, m/s; NaN where not predicted.
        scores: (N,).
        labels: (N,) int class of the data set.
        attr_labels: (N,) int attribute of the data set; -1 where it names none for the class.
    """

    centers: np.ndarray
    dims: np.ndarray
    yaws: np.ndarray
    velocities: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    attr_labels: np.ndarray


def to_camera_boxes(predictions, vocabulary: Vocabulary) -> CameraBoxes:
    """Predictions of one image as plain arrays.

    Args:
        predictions: ``bboxes_3d`` (CameraInstance3DBoxes of 7 or 9 numbers), ``scores_3d``,
            ``labels_3d`` and, when the detector has them, ``attr_logits`` or ``attr_labels``.
        vocabulary: of the data set, whose labels these are.
    """
    tensor = predictions["bboxes_3d"].tensor.detach().cpu().double().numpy()
    labels = predictions["labels_3d"].cpu().numpy().astype(int)
    unknown = np.full((len(labels), 2), np.nan)
    centers = tensor[:, :3].copy()
    centers[:, 1] -= 0.5 * tensor[:, 4]  # mmdet3d stores the bottom centre; y points down
    return CameraBoxes(
        centers=centers,
        dims=tensor[:, 3:6],
        yaws=tensor[:, 6],
        velocities=tensor[:, 7:9] if tensor.shape[1] >= 9 else unknown,
        scores=predictions["scores_3d"].detach().cpu().double().numpy(),
        labels=labels,
        attr_labels=_attributes(predictions, labels, vocabulary),
    )


def _attributes(predictions, labels: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    if not vocabulary.attributes:
        return np.full(len(labels), -1)
    if "attr_logits" in predictions:
        logits = predictions["attr_logits"].detach().cpu().numpy()
        return attributes_from_logits(logits, labels, vocabulary)
    if "attr_labels" in predictions:
        return attributes_from_labels(predictions["attr_labels"].cpu().numpy(), labels, vocabulary)
    return attributes_from_labels(np.full(len(labels), -1), labels, vocabulary)
