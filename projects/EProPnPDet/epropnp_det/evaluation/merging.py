"""One list of boxes per keyframe from the detections of its cameras."""

import numpy as np
import shapely
import torch
from mmcv.ops import nms_rotated

from ..suppression import survivors
from .boxes import GlobalBoxes

NMS_IOU = 0.25  # bird's-eye-view overlap above which the weaker box of a class is dropped
MAX_BOXES = 500  # limit of the evaluation server per keyframe


def merge_cameras(
    parts: list[GlobalBoxes],
    iou_threshold: float = NMS_IOU,
    max_boxes: int = MAX_BOXES,
    exact: bool = True,
) -> GlobalBoxes:
    """Join the detections of all cameras of a keyframe.

    Boxes of the same class that overlap in the global xy plane compete across cameras; of the
    remaining boxes the best ``max_boxes`` are kept. Scores are not changed.

    Args:
        parts: detections of each camera, global frame.
        iou_threshold: rotated-box overlap above which the weaker box is dropped.
        max_boxes: most boxes to keep.
        exact: overlaps as polygon areas in float64; else by mmcv in float32, as published.

    Returns:
        Boxes in descending score.
    """
    boxes = GlobalBoxes.concatenate(parts)
    suppress = rotated_nms if exact else rotated_nms_float32
    return boxes.select(suppress(boxes, iou_threshold)[:max_boxes])


def rotated_nms(boxes: GlobalBoxes, iou_threshold: float) -> np.ndarray:
    """Indices, in descending score, of the boxes that survive class-wise greedy suppression.

    Overlaps are exact polygon areas in float64: mmcv's rotated IoU, in float32, is far off for one
    in a hundred pairs of almost equal boxes, such as one object seen by two cameras.
    """
    order = np.argsort(-boxes.scores, kind="stable")
    pairs = _overlapping_pairs(boxes.select(order), iou_threshold)
    return order[survivors(len(order), *pairs)]


def rotated_nms_float32(boxes: GlobalBoxes, iou_threshold: float) -> np.ndarray:
    """The same by mmcv's operator, relative to the first box so that float32 has digits left.

    Class by class, because the operator ignores the labels it is given on the CPU.
    """
    if len(boxes.labels) == 0:
        return np.zeros(0, dtype=int)
    centers = boxes.centers[:, :2] - boxes.centers[0, :2]
    sizes = boxes.sizes_wlh[:, [1, 0]]
    columns = np.concatenate([centers, sizes, boxes.headings[:, None]], axis=1)
    columns, scores = (torch.from_numpy(array).float() for array in (columns, boxes.scores))
    kept = []
    for label in np.unique(boxes.labels):
        members = np.flatnonzero(boxes.labels == label)
        inside = nms_rotated(columns[members], scores[members], iou_threshold)[1].numpy()
        kept.append(members[inside])
    keep = np.concatenate(kept)
    return keep[np.argsort(-boxes.scores[keep], kind="stable")]


def footprints(boxes: GlobalBoxes) -> np.ndarray:
    """Outlines (N,) in the global xy plane as shapely polygons."""
    half = 0.5 * boxes.sizes_wlh[:, None, [1, 0]] * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    cos, sin = np.cos(boxes.headings), np.sin(boxes.headings)
    rotation = np.stack([cos, sin, -sin, cos], axis=-1).reshape(-1, 2, 2)  # of row vectors
    return shapely.polygons(half @ rotation + boxes.centers[:, None, :2])


def _overlapping_pairs(boxes: GlobalBoxes, iou_threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (i < j) of the same class whose IoU exceeds the threshold, sorted by i."""
    outlines = footprints(boxes)
    first, second = shapely.STRtree(outlines).query(outlines, predicate="intersects")
    ordered = (first < second) & (boxes.labels[first] == boxes.labels[second])
    first, second = first[ordered], second[ordered]
    area = shapely.area(outlines)
    overlap = shapely.area(shapely.intersection(outlines[first], outlines[second]))
    above = overlap > iou_threshold * (area[first] + area[second] - overlap)
    first, second = first[above], second[above]
    by_first = np.argsort(first, kind="stable")
    return first[by_first], second[by_first]
