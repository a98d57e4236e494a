"""Auxiliary losses on the key and value maps; training only."""

from mmdet3d.registry import MODELS, TASK_UTILS
from mmengine.model import BaseModule
from torch import Tensor

from ...pose.pose_solver import PoseStage
from ...structures import BatchGeometry, FeatureMaps, ObjectPredictions, ObjectSamples
from ..targets import GroundTruth
from .lidar_regression import lidar_regression_loss
from .reprojection import reprojection_loss
from .roi_correspondences import RoICorrespondences, average_samples
from .roi_features import extract_roi_features


@MODELS.register_module()
class AuxiliaryLosses(BaseModule):
    """Dense correspondences in the boxes of sampled ground truths, and depth at lidar returns.

    Args:
        embed_dims: channels C of the maps.
        num_heads: attention heads H.
        roi_size: cells per side of a region of interest.
        loss_proj: config of the reprojection loss, with predicted deviations.
        loss_regr: config of the regression at lidar returns on objects; None without it.
        depth: config of :class:`LidarDepthHead`; None without it.
        regr_unit: errors of the regression are relative to the "mean" of the dimensions, or to
            the largest, "max" (v1).
        cell_rule: config of the part that finds the cell of a lidar return, see
            :mod:`epropnp_det.models.training.auxiliary.lidar_assignment`.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        loss_proj: dict,
        loss_regr: dict | None = None,
        depth: dict | None = None,
        roi_size: int = 14,
        regr_unit: str = "mean",
        cell_rule: dict | None = None,
    ) -> None:
        super().__init__()
        if regr_unit not in ("mean", "max"):
            raise ValueError(f"regr_unit must be 'mean' or 'max', got {regr_unit!r}")
        self.regr_unit = regr_unit
        self.cell_rule = TASK_UTILS.build(cell_rule or dict(type="TransformedCells"))
        self.roi_size = roi_size
        self.correspondences = RoICorrespondences(num_heads, embed_dims // num_heads)
        self.loss_proj = MODELS.build(loss_proj)
        self.loss_regr = None if loss_regr is None else MODELS.build(loss_regr)
        self.depth = None if depth is None else MODELS.build(depth)

    def forward(
        self,
        features: FeatureMaps,
        objects: ObjectPredictions,
        samples: ObjectSamples,
        ground_truth: GroundTruth,
        geometry: BatchGeometry,
        solver: PoseStage,
    ) -> dict[str, Tensor]:
        """Losses ``loss_proj``, ``loss_regr``, ``loss_depth``.

        Args:
            features: key and value maps.
            objects: predictions of the samples.
            samples: M samples.
            ground_truth: of the batch.
            geometry: of the batch.
            solver: the pose stage, which projects.
        """
        sampled = average_samples(objects, samples, len(ground_truth.labels))
        rois = extract_roi_features(
            features, ground_truth, sampled.gt_inds, geometry, self.roi_size
        )
        flips = geometry.flips[ground_truth.img_inds[sampled.gt_inds]]
        predictions = self.correspondences(rois, sampled, flips)
        losses = {
            "loss_proj": reprojection_loss(
                self.loss_proj, rois, predictions, ground_truth, geometry, solver
            )
        }
        if self.loss_regr is not None:
            losses["loss_regr"] = lidar_regression_loss(
                self.loss_regr,
                rois,
                predictions,
                ground_truth,
                geometry,
                self.cell_rule,
                self.regr_unit,
            )
        if self.depth is not None:
            losses["loss_depth"] = self.depth(features, ground_truth.lidar, geometry)
        return losses
