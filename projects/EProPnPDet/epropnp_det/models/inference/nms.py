"""Non-maximum suppression of 2D boxes and of boxes seen from above, within groups of boxes.

All groups (image and class) are suppressed at once: overlaps are computed of the pairs that share a
group, and the host goes through the pairs that overlap. Shifting groups apart instead, so that one
suppression serves all, would cost digits in float32.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from mmcv.ops import box_iou_rotated
from torch import Tensor

from ...suppression import survivors


class Overlap(NamedTuple):
    """A kind of overlap between boxes (M, D).

    Attributes:
        bounds: boxes (M, D) -> (M, 4) x1, y1, x2, y2; what these hold apart does not overlap.
        iou: boxes (Q, D), boxes (Q, D) -> (Q,) intersection over union of each pair.
    """

    bounds: Callable[[Tensor], Tensor]
    iou: Callable[[Tensor, Tensor], Tensor]


def nms_by_group(
    overlap: Overlap, boxes: Tensor, scores: Tensor, groups: Tensor, iou_threshold: float
) -> Tensor:
    """Suppress boxes that overlap a better box of their own group.

    The host waits for the device twice, however many groups there are.

    Args:
        overlap: of these boxes.
        boxes: (M, D).
        scores: (M,).
        groups: (M,) long.
        iou_threshold: largest overlap that is kept.

    Returns:
        Indices (k,) of the boxes kept, best score first.
    """
    order = scores.argsort(descending=True, stable=True)
    boxes, groups = boxes[order], groups[order]
    better, worse = _pairs(overlap.bounds(boxes), groups)
    above = overlap.iou(boxes[better], boxes[worse]) > iou_threshold
    better, worse = torch.stack((better, worse))[:, above].cpu().numpy()
    alive = survivors(len(boxes), better, worse)
    return order[torch.from_numpy(alive.nonzero()[0]).to(order)]


def iou_2d(first: Tensor, second: Tensor) -> Tensor:
    """Overlap (Q,) of boxes (Q, 4) x1, y1, x2, y2 of continuous pixels."""
    low = torch.maximum(first[:, :2], second[:, :2])
    shared = (torch.minimum(first[:, 2:], second[:, 2:]) - low).clamp(min=0).prod(dim=-1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(dim=-1) for boxes in (first, second)]
    return shared / (sum(areas) - shared)


def iou_bev(first: Tensor, second: Tensor) -> Tensor:
    """Overlap (Q,) of rectangles (Q, 5), see :func:`bev_rectangles`."""
    if len(first) == 0:  # mmcv's operator reads the first one
        return first.new_zeros(0)
    return box_iou_rotated(first, second, aligned=True)


def bev_bounds(rectangles: Tensor) -> Tensor:
    """Bounds (M, 4) of rectangles (M, 5) at any angle."""
    reach = 0.5 * rectangles[:, 2:4].norm(dim=-1, keepdim=True)
    return torch.cat((rectangles[:, :2] - reach, rectangles[:, :2] + reach), dim=-1)


def bev_rectangles(boxes: Tensor) -> Tensor:
    """Rectangles (M, 5) x, z, l, w, angle of boxes (M, 7), seen from above.

    The angle turns x towards z and is therefore minus the yaw.
    """
    x, _, z, length, _, width, yaw = boxes.unbind(-1)
    return torch.stack((x, z, length, width, -yaw), dim=-1)


IN_IMAGE = Overlap(bounds=lambda boxes: boxes, iou=iou_2d)
FROM_ABOVE = Overlap(bounds=bev_bounds, iou=iou_bev)


def _pairs(bounds: Tensor, groups: Tensor) -> Tensor:
    """Pairs (2, Q) i < j of the same group whose bounds (M, 4) overlap."""
    near = (groups[:, None] == groups).triu(diagonal=1)
    for axis in (0, 1):
        low, high = bounds[:, axis], bounds[:, axis + 2]
        near = near & (low[:, None] < high) & (low < high[:, None])
    return near.nonzero().T
