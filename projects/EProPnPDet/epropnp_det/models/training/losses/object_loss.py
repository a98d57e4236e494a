"""Losses of sampled objects: pose, dimensions, score, velocity, attribute."""

import torch
from mmdet3d.registry import MODELS, TASK_UTILS
from mmengine.model import BaseModule
from torch import Tensor

from epropnp.parts import mean_over_parts

from ...objects.coders import MultiClassLogDimCoder
from ...pose.pose_solver import PoseStage
from ...pose.scores import localization_score
from ...structures import BatchGeometry, ObjectPredictions, ObjectSamples, TrainingPoses
from ..targets import GroundTruth


@MODELS.register_module()
class ObjectLoss(BaseModule):
    """Losses of sampled objects, weighted by their importance weights.

    Args:
        dim_coder: config of the coder of dimensions, the one of the object branches.
        loss_pose: config of the Monte Carlo pose loss, called as ``MonteCarloPoseLoss`` is: log
            weights (S, M), cost of the true pose (M,), weight scales (M, 2), ``weight``,
            ``avg_factor``.
        loss_dim: config of the loss on the code of the dimensions.
        loss_score: config of the loss on the localisation score.
        loss_reg_pos: config of the derivative regularisation of positions; None without it.
        loss_reg_orient: config of that of orientations; None without it.
        loss_velo: config of the velocity loss; None without that branch.
        loss_attr: config of the attribute loss; None without that branch.
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
    ) -> None:
        super().__init__()

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

    @property
    def optional_losses(self) -> dict[str, bool]:
        """Which of the losses that a config can leave out there are."""
        return {"loss_velo": self.loss_velo is not None, "loss_attr": self.loss_attr is not None}

    def forward(
        self,
        objects: ObjectPredictions,
        samples: ObjectSamples,
        ground_truth: GroundTruth,
        geometry: BatchGeometry,
        solver: PoseStage,
    ) -> dict[str, Tensor]:
        """All losses; besides, ``ate`` (mean ground-plane error, m) to log, and ``norm_factor``.

        The latter is the running scale of the pose loss, where that keeps one.

        Args:
            objects: predictions of the samples.
            samples: M samples; zero is a normal number.
            ground_truth: of the batch.
            geometry: of the batch.
            solver: the pose stage.
        """
        gt_inds = samples.gt_inds
        pose_gt = ground_truth.poses[gt_inds]
        num_samples = mean_over_parts(pose_gt.new_full((), len(pose_gt)), at_least=1)
        poses = solver.training_poses(objects, geometry, samples.img_inds, pose_gt)
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
        losses = {
            "loss_pose": self.loss_pose(
                poses.log_weights,
                poses.cost_target,
                objects.scale.detach() * samples.weights[:, None],
                weight=samples.weights,
                avg_factor=num_samples,
            )
        }
        if hasattr(self.loss_pose, "norm_factor"):
            losses["norm_factor"] = self.loss_pose.norm_factor.clone()
        return losses

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
        avg_factor = mean_over_parts(weights.sum(), at_least=1)
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
