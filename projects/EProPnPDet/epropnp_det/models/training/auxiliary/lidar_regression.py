"""Regression of object coordinates at lidar returns."""

from typing import NamedTuple

import torch
from torch import Tensor

from epropnp.parts import mean_over_parts

from ...structures import BatchGeometry
from ..losses import MixtureSmoothL1Loss, MVDGaussianMixtureNLLLoss
from ..targets import GroundTruth
from .lidar_assignment import CellRule
from .roi_correspondences import RoIPredictions
from .roi_features import RoIFeatures


class LidarCells(NamedTuple):
    """Cells of regions that contain lidar returns.

    Attributes:
        roi_inds: (N,) long, region.
        cells: (N,) long, row-major cell of the region.
        points_obj: (N, 3) mean of the returns in the cell, object frame, metres.
    """

    roi_inds: Tensor
    cells: Tensor
    points_obj: Tensor


def lidar_regression_loss(
    criterion: MVDGaussianMixtureNLLLoss | MixtureSmoothL1Loss,
    rois: RoIFeatures,
    predictions: RoIPredictions,
    ground_truth: GroundTruth,
    geometry: BatchGeometry,
    cell_rule: CellRule,
    unit: str = "mean",
) -> Tensor:
    """Likelihood of the lidar returns under the heads' object coordinates; 0 without returns.

    Args:
        criterion: loss of targets under a mixture.
        rois: features of A regions.
        predictions: of these regions.
        ground_truth: of the batch.
        geometry: of the batch.
        cell_rule: finds the cells of the returns.
        unit: errors are relative to the "mean" or the largest ("max") of the dimensions.
    """
    targets = lidar_cells(rois, ground_truth, geometry, cell_rule)
    dims = ground_truth.dims[rois.gt_inds][targets.roi_inds]
    size = (dims.mean(-1) if unit == "mean" else dims.amax(-1))[:, None]
    x3d = predictions.x3d.flatten(2, 3)[targets.roi_inds, :, targets.cells]  # (N, H, 3)
    attention = predictions.attention.flatten(2)[targets.roi_inds, :, targets.cells]
    num_cells = mean_over_parts(size.new_full((), len(size)), at_least=1e-4)
    return criterion(
        x3d / size[..., None],
        targets.points_obj / size,
        attention.log_softmax(1),
        avg_factor=num_cells,
    )


def lidar_cells(
    rois: RoIFeatures, ground_truth: GroundTruth, geometry: BatchGeometry, cell_rule: CellRule
) -> LidarCells:
    """Average the returns of each object by cell; those outside its region go to the edge cells."""
    lidar = ground_truth.lidar
    roi_of_gt = lidar.gt_inds.new_full((len(ground_truth.labels),), -1)
    roi_of_gt[rois.gt_inds] = torch.arange(len(rois.gt_inds), device=roi_of_gt.device)
    owner = roi_of_gt[lidar.gt_inds]
    has_roi = owner >= 0
    owner, points_obj = owner[has_roi], lidar.points_obj[has_roi]

    transforms = geometry.img_transforms[ground_truth.img_inds[rois.gt_inds[owner]]]
    cells = cell_rule(lidar.points_uv[has_roi], owner, rois, transforms)
    column, row = cells.unbind(-1)

    roi_size = rois.x2d.shape[1]
    slots, inverse = ((owner * roi_size + row) * roi_size + column).unique(return_inverse=True)
    sums = points_obj.new_zeros(len(slots), 3).index_add(0, inverse, points_obj)
    counts = inverse.bincount(minlength=len(slots))
    return LidarCells(slots // roi_size**2, slots % roi_size**2, sums / counts[:, None])
