"""Which cell of a region a lidar return falls into.

Parts of the auxiliary regression, chosen by config: :class:`TransformedCells` (v2) moves returns to
the network input, :class:`InterpolatedCells` (v1) compares them with the pixels of the cells.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from mmdet3d.registry import TASK_UTILS
from torch import Tensor

from ...geometry.pixels import to_augmented_pixels
from .roi_features import RoIFeatures


class CellRule(Protocol):
    """Find the cells of returns."""

    def __call__(
        self, points_uv: Tensor, roi_inds: Tensor, rois: RoIFeatures, img_transforms: Tensor
    ) -> Tensor:
        """Find (column, row), (N, 2) long in [0, r).

        Args:
            points_uv: (N, 2) returns, ori pixels.
            roi_inds: (N,) long, region of each.
            rois: A regions of r x r cells.
            img_transforms: (N, 3, 3) ori -> aug pixels of their images.
        """
        ...


@TASK_UTILS.register_module()
@dataclass(frozen=True)
class TransformedCells:
    """The cell that contains the return in the network input; from outside, the nearest."""

    def __call__(
        self, points_uv: Tensor, roi_inds: Tensor, rois: RoIFeatures, img_transforms: Tensor
    ) -> Tensor:
        """See :class:`CellRule`."""
        points_aug = to_augmented_pixels(points_uv, img_transforms)
        start, end = rois.rois[roi_inds, 1:].split(2, dim=1)
        roi_size = rois.x2d.shape[1]
        position = (points_aug - start) / (end - start) * roi_size - 0.5
        return position.round().clamp(0, roi_size - 1).long()


@TASK_UTILS.register_module()
@dataclass(frozen=True)
class InterpolatedCells:
    """By linear interpolation between the ori pixels of the first and the last cell (v1).

    This is the cell of :class:`TransformedCells` unless the coordinates of border cells saturate.

    Attributes:
        pixel_shift: ori pixels added to the returns, as ``principal_point_shift`` of the head is
            to the cameras that see them.
    """

    pixel_shift: float = 0.0

    def __call__(
        self, points_uv: Tensor, roi_inds: Tensor, rois: RoIFeatures, img_transforms: Tensor
    ) -> Tensor:
        """See :class:`CellRule`; the transforms are not needed."""
        first, last = rois.x2d[roi_inds, 0, 0], rois.x2d[roi_inds, -1, -1]
        span = last - first  # negative along x in mirrored images
        span = torch.where(span == 0, 1.0, span)
        position = ((points_uv + self.pixel_shift - first) / span).clamp(0, 1)
        return (position * (rois.x2d.shape[1] - 1)).round().long()
