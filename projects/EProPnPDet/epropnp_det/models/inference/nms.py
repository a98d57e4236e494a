"""Non-maximum suppression of 2D boxes and of boxes seen from above, within groups of boxes.

Groups (image and class) are suppressed one by one, so the overlap is computed from the boxes
themselves; shifting groups apart in float32 would cost it digits.
"""

from collections.abc import Callable

import torch
from mmcv.ops import nms, nms_rotated
from torch import Tensor

Suppress = Callable[[Tensor, Tensor, float], Tensor]


def nms_by_group(
    suppress: Suppress, boxes: Tensor, scores: Tensor, groups: Tensor, iou_threshold: float
) -> Tensor:
    """Suppress boxes that overlap a better box of their own group.

    Args:
        suppress: (boxes, scores, threshold) -> indices of the boxes kept.
        boxes: (M, D).
        scores: (M,).
        groups: (M,) long.
        iou_threshold: largest overlap that is kept.

    Returns:
        Indices (k,) of the boxes kept, best score first.
    """
    if len(boxes) == 0:
        return torch.zeros(0, dtype=torch.long, device=boxes.device)
    members = [(groups == group).nonzero().squeeze(-1) for group in groups.unique()]
    keep = torch.cat([inds[suppress(boxes[inds], scores[inds], iou_threshold)] for inds in members])
    return keep[scores[keep].argsort(descending=True, stable=True)]


def suppress_2d(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Greedy suppression of boxes (M, 4) x1, y1, x2, y2 of continuous pixels."""
    return nms(boxes.contiguous(), scores, iou_threshold)[1]


def suppress_bev(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Greedy suppression of rectangles (M, 5), see :func:`bev_rectangles`."""
    return nms_rotated(boxes, scores, iou_threshold)[1]


def bev_rectangles(boxes: Tensor) -> Tensor:
    """Rectangles (M, 5) x, z, l, w, angle of boxes (M, 7), seen from above.

    The angle turns x towards z and is therefore minus the yaw.
    """
    x, _, z, length, _, width, yaw = boxes.unbind(-1)
    return torch.stack((x, z, length, width, -yaw), dim=-1)
