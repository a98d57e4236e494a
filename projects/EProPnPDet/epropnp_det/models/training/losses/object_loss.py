"""Losses of sampled objects: pose, dimensions, score, velocity, attribute."""

from typing import NamedTuple

import torch
from mmdet.utils import reduce_mean
from mmdet3d.registry import MODELS, TASK_UTILS
from mmengine.model import BaseModule
from torch import Tensor

from epropnp import MonteCarloResult

from ...objects.coders import MultiClassLogDimCoder
from ...pose.pose_solver import PoseSolver
from ...pose.scores import localization_score
from ...structures import BatchGeometry, ObjectPredictions, ObjectSamples
from ..targets import GroundTruth


class TrainingPoses(NamedTuple):
    """What the pose losses of M objects need from the PnP layer.

    Attributes:
        monte_carlo: samples of the pose density, whose mode was sought from the true pose too.
        pose_opt: (M, 4) estimate as at test time, without the true pose; detached.
        pose_opt_plus: (M, 4) the same moved by one differentiable Gauss-Newton step.
        valid: (M,) bool, the estimate is usable.
    """

    monte_carlo: MonteCarloResult
    pose_opt: Tensor
    pose_opt_plus: Tensor
    valid: Tensor


def solve_training_poses(
    solver: PoseSolver,
    objects: ObjectPredictions,
    pose_gt: Tensor,
    geometry: BatchGeometry,
    img_inds: Tensor,
    detach_scales: bool = False,
) -> TrainingPoses:
    """Solve twice: sampling may start from the truth, but score and derivatives must not know it.

    Args:
        solver: the PnP layer with its camera and cost.
        objects: M objects.
        pose_gt: (M, 4) true poses.
        geometry: of the batch.
        img_inds: (M,) image of each object.
        detach_scales: the differentiable step does not see dimensions and weight scales (v1).
    """
    camera = solver.bind_camera(geometry, img_inds)
    monte_carlo = solver.pnp.monte_carlo_forward(
        objects.x3d,
        objects.x2d,
        objects.w2d_scaled,
        camera,
        solver.cost_fun,
        pose_init=pose_gt,
        force_init_solve=True,
    )
    if detach_scales:
        objects = objects._replace(dims=objects.dims.detach(), scale=objects.scale.detach())
    solution = solver.pnp(
        objects.x3d,
        objects.x2d,
        objects.w2d_scaled,
        camera,
        solver.derivative_cost_fun,
        with_pose_opt_plus=True,
    )
    valid = solution.valid & solution.pose_opt_plus.isfinite().all(-1)
    return TrainingPoses(monte_carlo, solution.pose_opt, solution.pose_opt_plus, valid)


@MODELS.register_module()
class ObjectLoss(BaseModule):
    """Losses of sampled objects, weighted by their importance weights.

    Args:
        dim_coder: config of the coder of dimensions, the one of the object branches.
        loss_pose: config of the Monte Carlo pose loss.
        loss_dim: config of the loss on the code of the dimensions.
        loss_score: config of the loss on the localisation score.
        loss_reg_pos: config of the derivative regularisation of positions; None without it.
        loss_reg_orient: config of that of orientations; None without it.
        loss_velo: config of the velocity loss; None without that branch.
        loss_attr: config of the attribute loss; None without that branch.
        detach_scales: no gradient from the derivative regularisation to dimensions and weight
            scales (v1).
    """

    def __init__(
        self,
        dim_coder: dict,
        loss_pose: dict,
        loss_dim: dict,
        loss_score: dict,
        loss_reg_pos: dict | None = None,
        loss_reg_orient: dict | None = None,
        loss_velo: dict | None = None,
        loss_attr: dict | None = None,
        detach_scales: bool = False,
    ) -> None:
        super().__init__()
        self.detach_scales = detach_scales

        def build(config: dict | None):
            return None if config is None else MODELS.build(config)

        self.dim_coder: MultiClassLogDimCoder = TASK_UTILS.build(dim_coder)
        self.loss_pose = build(loss_pose)
        self.loss_dim = build(loss_dim)
        self.loss_score = build(loss_score)
        self.loss_reg_pos = build(loss_reg_pos)
        self.loss_reg_orient = build(loss_reg_orient)
        self.loss_velo = build(loss_velo)
        self.loss_attr = build(loss_attr)

    def forward(
        self,
        objects: ObjectPredictions,
        samples: ObjectSamples,
        ground_truth: GroundTruth,
        geometry: BatchGeometry,
        solver: PoseSolver,
    ) -> dict[str, Tensor]:
        """All losses; besides, ``ate`` (mean ground-plane error, m) and ``norm_factor`` to log.

        Args:
            objects: predictions of the samples.
            samples: M samples; zero is a normal number.
            ground_truth: of the batch.
            geometry: of the batch.
            solver: the PnP layer with its camera and cost.
        """
        gt_inds = samples.gt_inds
        pose_gt = ground_truth.poses[gt_inds]
        num_samples = reduce_mean(pose_gt.new_tensor(float(len(pose_gt)))).clamp(min=1)
        poses = solve_training_poses(
            solver, objects, pose_gt, geometry, samples.img_inds, self.detach_scales
        )
        losses = self._pose(objects, samples, poses, num_samples)
        losses |= self._derivatives(samples, poses, pose_gt, num_samples)
        losses["loss_dim"] = self.loss_dim(
            objects.dims_code,
            self.dim_coder.encode(ground_truth.dims[gt_inds], samples.labels),
            weight=samples.weights[:, None],
            avg_factor=3 * num_samples,
        )
        losses |= self._score(objects, samples, poses, pose_gt, num_samples)
        if self.loss_velo is not None:
            losses["loss_velo"] = self._velocity(
                objects.velocities, ground_truth.velocities[gt_inds], samples.weights
            )
        if self.loss_attr is not None:
            losses["loss_attr"] = self._attribute(
                objects.attr_logits, ground_truth.attr_labels[gt_inds], samples.weights, num_samples
            )
        return losses

    def _pose(
        self,
        objects: ObjectPredictions,
        samples: ObjectSamples,
        poses: TrainingPoses,
        num_samples: Tensor,
    ) -> dict[str, Tensor]:
        weighted_scale = objects.scale.detach() * samples.weights[:, None]
        # a rank without objects must not move the running mean
        neutral = self.loss_pose.norm_factor
        loss = self.loss_pose(
            poses.monte_carlo.pose_sample_logweights,
            poses.monte_carlo.cost_target,
            weighted_scale.mean() if len(weighted_scale) else neutral,
            weight=samples.weights,
            avg_factor=num_samples,
        )
        return {"loss_pose": loss, "norm_factor": self.loss_pose.norm_factor.clone()}

    def _derivatives(
        self, samples: ObjectSamples, poses: TrainingPoses, pose_gt: Tensor, num_samples: Tensor
    ) -> dict[str, Tensor]:
        """Derivative regularisation: a Gauss-Newton step should lead to the truth (section 3.4)."""
        moved = torch.where(poses.valid[:, None], poses.pose_opt_plus, pose_gt)
        weighting = {"weight": samples.weights, "avg_factor": num_samples}
        losses = {}
        if self.loss_reg_pos is not None:
            losses["loss_reg_pos"] = self.loss_reg_pos(moved[:, :3], pose_gt[:, :3], **weighting)
        if self.loss_reg_orient is not None:
            losses["loss_reg_orient"] = self.loss_reg_orient(
                moved[:, 3], pose_gt[:, 3], **weighting
            )
        return losses

    def _score(
        self,
        objects: ObjectPredictions,
        samples: ObjectSamples,
        poses: TrainingPoses,
        pose_gt: Tensor,
        num_samples: Tensor,
    ) -> dict[str, Tensor]:
        """The score is to tell the localisation error of the estimate; a failed one scores 0."""
        error = (poses.pose_opt.detach() - pose_gt)[:, (0, 2)].norm(dim=-1)
        usable = poses.valid & error.isfinite()
        target = localization_score(torch.where(usable, error, torch.inf))
        loss = self.loss_score(
            objects.score_logits, target, weight=samples.uniform_weights, avg_factor=num_samples
        )
        mean_error = (torch.where(usable, error, 0) * samples.weights).sum() / num_samples
        return {"loss_score": loss, "ate": mean_error}

    def _velocity(self, pred: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """Loss of the known components; unknown ones are NaN."""
        known = target.isfinite()
        weights = weights[:, None] * known
        avg_factor = reduce_mean(weights.sum().clamp(min=1))
        return self.loss_velo(
            pred, torch.where(known, target, 0), weight=weights, avg_factor=avg_factor
        )

    def _attribute(
        self, logits: Tensor, labels: Tensor, weights: Tensor, num_samples: Tensor
    ) -> Tensor:
        """Loss of the known attributes; unknown ones are negative."""
        known = labels >= 0
        return self.loss_attr(
            logits, labels.clamp(min=0), weight=weights * known, avg_factor=num_samples
        )
