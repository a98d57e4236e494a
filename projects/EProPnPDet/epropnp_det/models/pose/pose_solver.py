"""The PnP layer as a stage of the detector.

One place that knows which camera, cost and solver an object gets. The parts of the layer are
registered by :mod:`epropnp_mm.layer`.
"""

from typing import Protocol

import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn

import epropnp
from epropnp.initializers import Starts
from epropnp.solvers import pose_manifold
from epropnp_mm.layer import build_part, merge_settings

from ..geometry.pixels import full_precision
from ..structures import BatchGeometry, ObjectPredictions, PoseEstimates, TrainingPoses
from .scores import monte_carlo_scores


class PoseStage(Protocol):
    """What the head, its losses and its auxiliary tasks ask of the pose stage."""

    def training_poses(
        self,
        objects: ObjectPredictions,
        geometry: BatchGeometry,
        img_inds: Tensor,
        poses_gt: Tensor,
    ) -> TrainingPoses:
        """What the losses of M sampled objects need; zero objects are a normal number.

        Args:
            objects: M objects.
            geometry: of the batch.
            img_inds: (M,) long, image of each object.
            poses_gt: (M, 4) true poses.
        """
        ...

    def solve(
        self,
        objects: ObjectPredictions,
        geometry: BatchGeometry,
        img_inds: Tensor,
        with_pose_cov: bool = False,
        fast_mode: bool = False,
        mc_scoring_ratio: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> PoseEstimates:
        """Estimate the poses of a test batch; the options are those of ``InferenceSettings``."""
        ...

    def project(
        self, x3d: Tensor, poses: Tensor, img_inds: Tensor, geometry: BatchGeometry
    ) -> Tensor:
        """Project points (A, ..., 3) of A objects under poses (A, 4): (A, ..., 2) ori pixels."""
        ...


@MODELS.register_module()
class PoseSolver(nn.Module):
    """Solve the poses of objects that belong to the images of a batch; a :class:`PoseStage`.

    Args:
        pnp: config of the layer, ``dict(type="EProPnP4DoF", ...)``; any part of it (solver, start,
            sampler, proposals, backend) can be one's own registered class.
        camera: config of the camera.
        cost_fun: config of the cost; the published one if None, whose threshold passes its gradient
            on to the image points.
        derivative_cost_fun: entries that replace those of ``cost_fun`` in the derivative
            regularisation, e.g. ``dict(delta_gradient="none")`` (v1). With others than this one
            the cost is another, and each of the two solves of a training step searches for its own
            start.
        test_pnp: entries that replace those of ``pnp`` at inference (merged recursively), e.g.
            ``dict(solver=dict(num_iter=5))``. A runner of ``pnp`` serves inference too, by one of
            its own kind; ``dict(runner=None)`` leaves it out.
        detach_scales: no gradient from the derivative regularisation to dimensions and weight
            scales (v1).
    """

    def __init__(
        self,
        pnp: dict,
        camera: dict | None = None,
        cost_fun: dict | None = None,
        derivative_cost_fun: dict | None = None,
        test_pnp: dict | None = None,
        detach_scales: bool = False,
    ) -> None:
        super().__init__()
        self.pnp = build_part(pnp)
        try:
            self.test_pnp = build_part(merge_settings(pnp, test_pnp or {}))
        except TypeError as error:  # pnp alone could be built
            raise TypeError(
                f"pose_solver.test_pnp {dict(test_pnp)} replaces entries that pose_solver.pnp "
                f"does not have: {error}. Give it anew (_delete_=True) where a part was swapped"
            ) from error
        self.camera = build_part(camera or dict(type="PerspectiveCamera"))
        cost_fun = cost_fun or dict(type="AdaptiveHuberPnPCost", delta_gradient="all")
        self.cost_fun = build_part(cost_fun)
        self.derivative_cost_fun = build_part(merge_settings(cost_fun, derivative_cost_fun or {}))
        self.detach_scales = detach_scales
        # a start is known by its cost, which must be that of both solves
        self.shares_cost = set(derivative_cost_fun or {}) <= {"delta_gradient"}

    def bind_camera(self, geometry: BatchGeometry, img_inds: Tensor) -> epropnp.PerspectiveCamera:
        """Give the camera the intrinsics, image sizes and gravity of the objects' images."""
        ground = geometry.camera_to_ground
        return self.camera.bind(
            geometry.cam_intrinsics[img_inds],
            img_shape=geometry.ori_shapes[img_inds],
            gravity=None if ground is None else ground[img_inds],
        )

    def training_poses(
        self,
        objects: ObjectPredictions,
        geometry: BatchGeometry,
        img_inds: Tensor,
        poses_gt: Tensor,
    ) -> TrainingPoses:
        """See :class:`PoseStage`.

        Solves twice: sampling may begin at the truth, but score and derivatives must not know it.
        The search for a start is the same for both and made once.
        """
        camera = self.bind_camera(geometry, img_inds)
        blind = objects
        if self.detach_scales:
            blind = objects._replace(dims=objects.dims.detach(), scale=objects.scale.detach())
        solution = self.pnp(
            blind.x3d,
            blind.x2d,
            blind.w2d_scaled,
            camera,
            self.derivative_cost_fun,
            with_pose_opt_plus=True,
        )
        starts = solution.starts if self.shares_cost else None
        log_weights, cost_target = self.density(objects, camera, poses_gt, starts)
        return TrainingPoses(
            log_weights=log_weights,
            cost_target=cost_target,
            pose_opt=solution.pose_opt,
            pose_opt_plus=solution.pose_opt_plus,
            valid=solution.valid & solution.pose_opt_plus.isfinite().all(-1),
        )

    def density(
        self,
        objects: ObjectPredictions,
        camera: epropnp.PerspectiveCamera,
        poses_gt: Tensor,
        starts: Starts | None,
    ) -> tuple[Tensor, Tensor]:
        """Log weights (S, M) of samples of the pose density, and cost (M,) of the true pose.

        Args:
            objects: M objects.
            camera: bound to them.
            poses_gt: (M, 4).
            starts: of a solution with the same cost; a search of its own if None.
        """
        monte_carlo = self.pnp.monte_carlo_forward(
            objects.x3d,
            objects.x2d,
            objects.w2d_scaled,
            camera,
            self.cost_fun,
            pose_init=poses_gt,
            starts=starts,
        )
        return monte_carlo.pose_sample_logweights, monte_carlo.cost_target

    def solve(
        self,
        objects: ObjectPredictions,
        geometry: BatchGeometry,
        img_inds: Tensor,
        with_pose_cov: bool = False,
        fast_mode: bool = False,
        mc_scoring_ratio: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> PoseEstimates:
        """See :class:`PoseStage`.

        Args:
            objects: M objects.
            geometry: the batch.
            img_inds: (M,) long, image of each object.
            with_pose_cov: also return covariances.
            fast_mode: undamped Gauss-Newton, as the published evaluation.
            mc_scoring_ratio: share of the Monte Carlo score in the localisation score, in [0, 1].
                The samples are drawn around the very poses that are returned.
            generator: source of random numbers, of the device of the objects.
        """
        arguments = (
            objects.x3d,
            objects.x2d,
            objects.w2d_scaled,
            self.bind_camera(geometry, img_inds),
            self.cost_fun,
        )
        options = dict(fast_mode=fast_mode, generator=generator)
        scores = objects.score_logits.sigmoid()
        if mc_scoring_ratio > 0:
            solution = self.test_pnp.monte_carlo_forward(*arguments, **options)
            mc_scores = monte_carlo_scores(
                solution.pose_samples, solution.pose_sample_logweights, solution.pose_opt
            )
            mc_scores = torch.where(solution.valid, mc_scores, 0.0)
            scores = scores ** (1 - mc_scoring_ratio) * mc_scores**mc_scoring_ratio
        else:
            solution = self.test_pnp(*arguments, with_pose_cov=with_pose_cov, **options)
        return PoseEstimates(
            poses=solution.pose_opt,
            scores=scores,
            covariances=solution.pose_cov if with_pose_cov else None,
            valid=solution.valid & solution.pose_opt.isfinite().all(dim=-1),
        )

    def project(
        self, x3d: Tensor, poses: Tensor, img_inds: Tensor, geometry: BatchGeometry
    ) -> Tensor:
        """Project points of A objects into their original images, see :class:`PoseStage`.

        Args:
            x3d: (A, ..., 3) object frame, metres.
            poses: (A, 4) (x, y, z, yaw).
            img_inds: (A,) image of each object.
            geometry: of the batch.

        Returns:
            (A, ..., 2) ori pixels, clipped to the camera's bounds.
        """
        camera = self.bind_camera(geometry, img_inds)
        rotation = pose_manifold(4, camera).rotation_matrix(poses)
        with full_precision(poses):
            points_cam = x3d.flatten(1, -2).to(poses) @ rotation.mT + poses[:, None, :3]
            return camera.project(points_cam).view(*x3d.shape[:-1], 2)
