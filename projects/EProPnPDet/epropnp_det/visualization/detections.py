"""Detections drawn into the one image they were made from; needs no tables."""

import numpy as np

from epropnp_data.geometry.boxes import box_corners, yaw_to_nuscenes_rotation
from epropnp_data.nuscenes.taxonomy import CLASSES
from epropnp_results.pictures.palette import FOUND

from ..evaluation.boxes import CameraBoxes
from .picture import write_text
from .wireframe import draw_box


def draw_detections(
    image: np.ndarray, boxes: CameraBoxes, intrinsic: np.ndarray, score_thr: float = 0.2
) -> np.ndarray:
    """Draw the boxes of one camera image with class and score.

    Args:
        image: (h, w, 3) uint8; blue, green, red.
        boxes: detections (``epropnp_det.evaluation.metric.to_camera_boxes`` of a prediction).
        intrinsic: (3, 3) camera matrix of the image.
        score_thr: lowest score that is drawn.

    Returns:
        A copy of the image with the boxes in it.
    """
    image = image.copy()
    rotations = yaw_to_nuscenes_rotation(boxes.yaws)
    corners = box_corners(boxes.centers, boxes.dims[:, [0, 2, 1]], rotations)
    width = max(1, round(image.shape[1] / 800))
    for index in np.argsort(-boxes.centers[:, 2]):  # far ones first
        if boxes.scores[index] < score_thr:
            continue
        bounds = draw_box(image, corners[index], intrinsic, FOUND, width)
        if bounds is not None:
            text = f"{CLASSES[boxes.labels[index]]} {boxes.scores[index]:.2f}"
            write_text(image, text, (bounds[0], bounds[1] - 4), FOUND, 0.36 * width)
    return image
