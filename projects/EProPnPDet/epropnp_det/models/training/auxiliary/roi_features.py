"""Regions of interest: the 2D boxes of the sampled ground truths, cut into a regular grid."""

from typing import NamedTuple

import torch
from mmcv.ops import roi_align
from torch import Tensor

from ...geometry.pixels import to_original_pixels
from ...structures import BatchGeometry, FeatureMaps
from ..targets import GroundTruth


class RoIFeatures(NamedTuple):
    """A regions of r x r cells.

    Attributes:
        gt_inds: (A,) long, ground truth of the batch.
        rois: (A, 5) image index, x1, y1, x2, y2 in aug pixels.
        x2d: (A, r, r, 2) mean ori pixels of each cell.
        key: (A, C, r, r).
        value: (A, C, r, r).
    """

    gt_inds: Tensor
    rois: Tensor
    x2d: Tensor
    key: Tensor
    value: Tensor


def extract_roi_features(
    features: FeatureMaps,
    ground_truth: GroundTruth,
    gt_inds: Tensor,
    geometry: BatchGeometry,
    roi_size: int,
) -> RoIFeatures:
    """RoIAlign key, value and image coordinates in the boxes of ground truths.

    Args:
        features: key and value maps.
        ground_truth: of the batch.
        gt_inds: (A,) long, ground truths to cut out.
        geometry: of the batch.
        roi_size: cells r per side.
    """
    img_inds, boxes = ground_truth.img_inds[gt_inds], ground_truth.bboxes[gt_inds]
    rois = torch.cat([img_inds[:, None].to(boxes), boxes], 1)
    key, value = (
        _align(maps, rois, roi_size, features.stride) for maps in (features.key, features.value)
    )
    x2d = roi_coordinates(boxes, img_inds, geometry, roi_size)
    return RoIFeatures(gt_inds, rois, x2d, key, value)


def _align(maps: Tensor, rois: Tensor, roi_size: int, stride: int) -> Tensor:
    """Mean features (A, C, r, r) of the cells of regions (A, 5)."""
    # mmcv's operator wants boxes and maps of one type, and reads memory in the default order
    maps = maps.to(rois).contiguous()
    if len(rois) > 0:
        return roi_align(maps, rois, (roi_size, roi_size), 1 / stride, 0, "avg", True)
    return maps[:0, :, :1, :1].expand(-1, -1, roi_size, roi_size)


def roi_coordinates(
    boxes: Tensor, img_inds: Tensor, geometry: BatchGeometry, roi_size: int
) -> Tensor:
    """Mean original pixel of each cell, as RoIAlign of a full-resolution coordinate map gives it.

    The map is affine, so inside the image a cell has the coordinates of its centre. Near the
    border the samples of RoIAlign saturate at the centre of the last pixel; this is done per axis.

    Args:
        boxes: (A, 4) x1, y1, x2, y2, aug pixels.
        img_inds: (A,) image of each box.
        geometry: of the batch.
        roi_size: cells r per side.

    Returns:
        (A, r, r, 2) ori pixels.
    """
    sizes = geometry.img_shapes[img_inds].flip(-1)
    xs, ys = (
        _saturated_cells(boxes[:, axis], boxes[:, axis + 2], sizes[:, axis], roi_size, longest)
        for axis, longest in ((0, geometry.pad_shape[1]), (1, geometry.pad_shape[0]))
    )
    shape = (len(boxes), roi_size, roi_size)
    cells = torch.stack([xs[:, None].expand(shape), ys[:, :, None].expand(shape)], -1)
    points = to_original_pixels(cells.flatten(1, 2), geometry.img_transforms, img_inds)
    return points.view(*shape, 2)


def _saturated_cells(
    start: Tensor, end: Tensor, size: Tensor, roi_size: int, longest: int
) -> Tensor:
    """Mean coordinate (A, r) of the samples of each cell, clamped to pixel centres of the image.

    A cell has ceil(length / r) samples, as RoIAlign with an adaptive sampling ratio.
    """
    cell = ((end - start) / roi_size)[:, None, None]
    count = cell.ceil().clamp(min=1)
    samples = torch.arange(-(-longest // roi_size) + 1, device=start.device)
    cells = torch.arange(roi_size, device=start.device)[:, None]
    points = start[:, None, None] + (cells + (samples + 0.5) / count) * cell
    points = torch.minimum(points.clamp(min=0.5), size[:, None, None] - 0.5)
    used = (samples < count).to(points)
    return (points * used).sum(-1) / used.sum(-1)
