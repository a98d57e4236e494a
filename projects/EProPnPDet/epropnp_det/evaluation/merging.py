"""One list of boxes per keyframe from the detections of its cameras."""

import numpy as np
import torch
from mmcv.ops import nms_rotated

from .boxes import GlobalBoxes

NMS_IOU = 0.25  # bird's-eye-view overlap above which the weaker box of a class is dropped
MAX_BOXES = 500  # limit of the evaluation server per keyframe


def merge_cameras(
    parts: list[GlobalBoxes], iou_threshold: float = NMS_IOU, max_boxes: int = MAX_BOXES
) -> GlobalBoxes:
    """Join the detections of all cameras of a keyframe.

    Boxes of the same class that overlap in the global xy plane compete across cameras; of the
    remaining boxes the best ``max_boxes`` are kept. Scores are not changed.

    Args:
        parts: detections of each camera, global frame.
        iou_threshold: rotated-box overlap above which the weaker box is dropped.
        max_boxes: most boxes to keep.

    Returns:
        Boxes in descending score.
    """
    boxes = GlobalBoxes.concatenate(parts)
    boxes = boxes.select(rotated_nms(boxes, iou_threshold))
    return boxes.select(np.argsort(-boxes.scores, kind="stable")[:max_boxes])


def rotated_nms(boxes: GlobalBoxes, iou_threshold: float) -> np.ndarray:
    """Indices of the boxes that survive class-wise greedy suppression in the global xy plane."""
    # Global coordinates reach thousands of metres; centred, float32 keeps micrometres.
    xy = boxes.centers[:, :2] - (boxes.centers[:, :2].mean(0) if len(boxes.labels) else 0.0)
    rectangles = np.column_stack([xy, boxes.sizes_wlh[:, [1, 0]], boxes.headings])
    rectangles = torch.from_numpy(rectangles).float()
    scores = torch.from_numpy(boxes.scores).float()
    kept = []
    for label in np.unique(boxes.labels):
        members = np.flatnonzero(boxes.labels == label)
        _, order = nms_rotated(rectangles[members], scores[members], iou_threshold)
        kept.append(members[order.numpy()])
    return np.concatenate(kept) if kept else np.zeros(0, dtype=int)
