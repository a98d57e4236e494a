"""Reprojection loss of dense correspondences under the true pose (paper, section 4.2)."""

from torch import Tensor

from epropnp.parts import mean_over_parts

from ...pose.pose_solver import PoseStage
from ...structures import BatchGeometry
from ..losses import MVDGaussianMixtureNLLLoss
from ..targets import GroundTruth
from .cross_roi import cross_roi_logsumexp, find_overlaps
from .roi_correspondences import RoIPredictions
from .roi_features import RoIFeatures

RELATIVE_ERROR = 0.2  # errors are measured in this fraction of the object's size in the image
MIN_DEPTH = 0.1  # metres


def reprojection_loss(
    criterion: MVDGaussianMixtureNLLLoss,
    rois: RoIFeatures,
    predictions: RoIPredictions,
    ground_truth: GroundTruth,
    geometry: BatchGeometry,
    solver: PoseStage,
) -> Tensor:
    """Likelihood of each cell's pixel under the projections of the heads.

    Heads compete for a cell, and so do the objects whose boxes overlap there: the mixture runs
    over both, so a cell has to be explained by the object that it shows.

    Args:
        criterion: the mixture loss.
        rois: features of A regions.
        predictions: of these regions.
        ground_truth: of the batch.
        geometry: of the batch.
        solver: the pose stage, which projects.
    """
    dims, poses = ground_truth.dims[rois.gt_inds], ground_truth.poses[rois.gt_inds]
    img_inds = ground_truth.img_inds[rois.gt_inds]
    projected = solver.project(predictions.x3d, poses, img_inds, geometry)
    focal = geometry.cam_intrinsics[img_inds, 0, 0]
    size = dims.mean(-1) * focal * RELATIVE_ERROR / poses[:, 2].clamp(min=MIN_DEPTH)  # pixels
    error = (projected - rois.x2d[:, None]) / size.view(-1, 1, 1, 1, 1)

    overlaps = find_overlaps(rois.rois, rois.x2d.shape[1:3])
    evidence = cross_roi_logsumexp(predictions.attention, overlaps).logsumexp(1, keepdim=True)
    num_cells = mean_over_parts(error.new_full((), len(error)), at_least=1)
    num_cells = num_cells * rois.x2d.shape[1] * rois.x2d.shape[2]
    return criterion(
        error,
        error.new_zeros(()).expand(len(error), *error.shape[2:]),
        predictions.attention - evidence,
        predictions.log_std,
        avg_factor=num_cells,
        pool=lambda likelihood: cross_roi_logsumexp(likelihood[:, None], overlaps)[:, 0],
    )
