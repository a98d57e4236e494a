"""The PnP layer as a stage of the detector.

One place that knows which camera, cost and solver an object gets. The classes of :mod:`epropnp`
themselves are registered by :mod:`epropnp_mm.layer`.
"""

import copy

import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn

import epropnp

from ..structures import BatchGeometry, ObjectPredictions, PoseEstimates
from .scores import monte_carlo_scores


@MODELS.register_module()
class PoseSolver(nn.Module):
    """Solve the poses of objects that belong to the images of a batch.

    Training calls ``pnp`` itself with :meth:`bind_camera` and a cost; inference calls
    :meth:`solve`.

    Args:
        pnp: config of the layer, ``dict(type="EProPnP4DoF", ...)``.
        camera: config of the camera.
        cost_fun: config of the cost.
        derivative_cost_fun: entries that replace those of ``cost_fun`` in the derivative
            regularisation, e.g. ``dict(delta_gradient="none")`` (v1).
        test_pnp: entries that replace those of ``pnp`` at inference (merged recursively), e.g.
            ``dict(solver=dict(num_iter=5))``.
    """

    def __init__(
        self,
        pnp: dict,
        camera: dict | None = None,
        cost_fun: dict | None = None,
        derivative_cost_fun: dict | None = None,
        test_pnp: dict | None = None,
    ) -> None:
        super().__init__()
        self.pnp = MODELS.build(pnp)
        self.test_pnp = MODELS.build(merge_settings(pnp, test_pnp or {}))
        self.camera = MODELS.build(camera or dict(type="PerspectiveCamera"))
        cost_fun = cost_fun or dict(type="AdaptiveHuberPnPCost")
        self.cost_fun = MODELS.build(cost_fun)
        self.derivative_cost_fun = MODELS.build(merge_settings(cost_fun, derivative_cost_fun or {}))

    def bind_camera(self, geometry: BatchGeometry, img_inds: Tensor) -> epropnp.PerspectiveCamera:
        """Give the camera the intrinsics, image sizes and gravity of the objects' images."""
        ground = geometry.camera_to_ground
        return self.camera.bind(
            geometry.cam_intrinsics[img_inds],
            img_shape=geometry.ori_shapes[img_inds],
            gravity=None if ground is None else ground[img_inds],
        )

    def solve(
        self,
        objects: ObjectPredictions,
        geometry: BatchGeometry,
        img_inds: Tensor,
        with_pose_cov: bool = False,
        fast_mode: bool = False,
        mc_scoring_ratio: float = 0.0,
    ) -> PoseEstimates:
        """Estimate the poses of a test batch.

        Args:
            objects: M objects.
            geometry: the batch.
            img_inds: (M,) long, image of each object.
            with_pose_cov: also return covariances.
            fast_mode: undamped Gauss-Newton, as the published evaluation.
            mc_scoring_ratio: share of the Monte Carlo score in the localisation score, in [0, 1].
        """
        arguments = (
            objects.x3d,
            objects.x2d,
            objects.w2d_scaled,
            self.bind_camera(geometry, img_inds),
            self.cost_fun,
        )
        solution = self.test_pnp(*arguments, with_pose_cov=with_pose_cov, fast_mode=fast_mode)
        scores = objects.score_logits.sigmoid()
        if mc_scoring_ratio > 0:
            samples = self.test_pnp.monte_carlo_forward(*arguments, fast_mode=fast_mode)
            mc_scores = monte_carlo_scores(
                samples.pose_samples, samples.pose_sample_logweights, solution.pose_opt
            )
            mc_scores = torch.where(samples.valid, mc_scores, 0.0)
            scores = scores ** (1 - mc_scoring_ratio) * mc_scores**mc_scoring_ratio
        return PoseEstimates(
            poses=solution.pose_opt,
            scores=scores,
            covariances=solution.pose_cov,
            valid=solution.valid & solution.pose_opt.isfinite().all(dim=-1),
        )


def merge_settings(settings: dict, overrides: dict) -> dict:
    """Copy of nested settings with the entries of ``overrides`` replaced."""
    merged = copy.deepcopy(settings)
    for key, value in overrides.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge_settings(merged[key], value) if both else value
    return merged
