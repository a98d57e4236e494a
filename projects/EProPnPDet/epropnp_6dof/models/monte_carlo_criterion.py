"""Training losses of EPro-PnP: Monte Carlo pose loss, derivative regularisation, coordinates."""

from dataclasses import dataclass

import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from epropnp_mm.layer import build_part, merge_settings

from .correspondences import find_weighting, gather_correspondences, random_points
from .losses import coordinate_loss, rotation_loss, translation_loss
from .pnp import CropPnP
from .structures import CropBatch, DenseMaps


@dataclass(frozen=True)
class LossWeights:
    """Weights of the losses (version 2 with a model); ``coord=0`` trains without any model."""

    coord: float = 1.0
    mc: float = 0.2
    translation: float = 1.0
    rotation: float = 1.0


@MODELS.register_module()
class MonteCarloCriterion(nn.Module):
    """KL divergence between the pose distribution and the true pose (paper equations 4 to 9).

    Args:
        num_points: random cells used per crop.
        weighting: ``softmax`` (version 2) or ``centered_exp`` (version 1).
        pnp: as that of `CropPnP`.
        camera: likewise.
        cost_fun: likewise.
        loss_weights: fields of `LossWeights`.
        loss_mc: entries that replace those of ``MonteCarloPoseLoss``, or another registered loss
            that is called as this one.
    """

    def __init__(
        self,
        num_points: int = 512,
        weighting: str = "softmax",
        pnp: dict | None = None,
        camera: dict | None = None,
        cost_fun: dict | None = None,
        loss_weights: dict | None = None,
        loss_mc: dict | None = None,
    ) -> None:
        super().__init__()
        self.num_points = num_points
        self.weighting = find_weighting(weighting)
        self.pnp = CropPnP(pnp, camera, cost_fun)
        self.weights = LossWeights(**(loss_weights or {}))
        default = dict(type="MonteCarloPoseLoss", loss_weight=self.weights.mc)
        self.loss_mc = build_part(merge_settings(default, loss_mc or {}))

    def forward(self, maps: DenseMaps, batch: CropBatch) -> dict[str, Tensor]:
        """Weighted losses of B crops; terms of weight zero are left out."""
        batch_size, _, height, width = maps.noc.shape
        count = min(self.num_points, height * width)
        indices = random_points(batch_size, height * width, count, maps.noc)
        points = gather_correspondences(maps, batch, self.weighting, indices)
        weights = self.weights
        regularised = weights.translation > 0 or weights.rotation > 0
        result = self.pnp.layer.monte_carlo_forward(
            points.x3d,
            points.x2d,
            points.w2d,
            self.pnp.bind_camera(batch, width),
            self.pnp.cost_fun,
            pose_init=batch.poses_gt,
            force_init_solve=True,
            with_pose_opt_plus=regularised,
        )
        valid = result.valid
        losses = {
            "loss_mc": self.loss_mc(
                result.pose_sample_logweights,
                result.cost_target,
                maps.scale.detach(),
                weight=valid.to(maps.scale),
                avg_factor=float(max(batch_size, 1)),
            )
        }
        if regularised:
            poses = torch.where(valid[:, None], result.pose_opt_plus, batch.poses_gt)
            losses["loss_translation"] = weights.translation * translation_loss(
                poses, batch.poses_gt
            )
            losses["loss_rotation"] = weights.rotation * rotation_loss(poses, batch.poses_gt)
        if weights.coord > 0:
            losses["loss_coord"] = weights.coord * coordinate_loss(
                maps.noc, batch.noc_gt, batch.mask_gt
            )
        return losses
