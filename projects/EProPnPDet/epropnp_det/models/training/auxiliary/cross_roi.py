"""Pooling over overlapping regions of interest, all pairs at once."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class RoIOverlaps(NamedTuple):
    """Pairs of regions of the same image that overlap; region j is seen from the cells of i.

    Attributes:
        targets: (Q,) long, region i of each pair.
        sources: (Q,) long, region j != i.
        grid: (Q, h, w, 2) cell centres of i in the coordinates of j, [-1, 1] inside j.
    """

    targets: Tensor
    sources: Tensor
    grid: Tensor


def find_overlaps(rois: Tensor, roi_size: tuple[int, int]) -> RoIOverlaps:
    """Find all pairs that overlap with positive area.

    Args:
        rois: (A, 5) image index, x1, y1, x2, y2.
        roi_size: cells (h, w) of a region.
    """
    top_left, bottom_right = rois[:, 1:3], rois[:, 3:]
    shared = torch.minimum(bottom_right[:, None], bottom_right) - torch.maximum(
        top_left[:, None], top_left
    )
    overlap = (shared > 0).all(-1) & (rois[:, None, 0] == rois[:, 0])
    targets, sources = overlap.fill_diagonal_(False).nonzero(as_tuple=True)

    height, width = roi_size
    xs = (torch.arange(width, dtype=rois.dtype, device=rois.device) + 0.5) / width
    ys = (torch.arange(height, dtype=rois.dtype, device=rois.device) + 0.5) / height
    cells = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1)
    size = (bottom_right - top_left)[:, None, None]
    points = top_left[targets, None, None] + cells * size[targets]
    grid = 2 * (points - top_left[sources, None, None]) / size[sources] - 1
    return RoIOverlaps(targets, sources, grid)


def cross_roi_logsumexp(values: Tensor, overlaps: RoIOverlaps) -> Tensor:
    """Log-sum-exp of each cell with the values of all other regions at its place.

    Other regions are resampled bilinearly; outside them they contribute nothing.

    Args:
        values: (A, C, h, w) one map per region.
        overlaps: of these regions.

    Returns:
        (A, C, h, w).
    """
    targets, sources, grid = overlaps
    if len(targets) == 0:
        return values
    others = F.grid_sample(
        values[sources], grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    outside = (grid.abs() > 1).any(-1)
    others = others.masked_fill(outside[:, None], -torch.inf)
    index = targets.view(-1, 1, 1, 1).expand_as(others)
    peak = values.detach().scatter_reduce(0, index, others.detach(), "amax")
    total = (values - peak).exp().index_add(0, targets, (others - peak[targets]).exp())
    return peak + total.log()
