"""Training on the reprojection error instead of the pose density; for comparison."""

from mmdet3d.registry import MODELS
from torch import Tensor

import epropnp
from epropnp.initializers import Starts
from epropnp.problem import build_problem
from epropnp.solvers import pose_manifold

from ..geometry.pixels import full_precision
from ..structures import ObjectPredictions
from .pose_solver import PoseSolver

MIN_WEIGHT = 1e-6  # 1 / pixel; a point outside the image has less, and none of it is learnt


@MODELS.register_module()
class ReprojectionPoseSolver(PoseSolver):
    """Solves as :class:`PoseSolver`, but trains the likelihood of the pixels under the true pose.

    The density is that of the image points, each by itself, given the pose: its normaliser is the
    product of the deviations 1 / w instead of an integral over poses. Under the pose loss this is
    the reprojection loss with learnt deviations: cost of the true pose minus the logs of the
    weights. It never asks which other poses the points would allow.

    Source: EPro-PnP (arXiv 2203.13254), section 2, on surrogate losses of correspondences.
    """

    def density(
        self,
        objects: ObjectPredictions,
        camera: epropnp.PerspectiveCamera,
        poses_gt: Tensor,
        starts: Starts | None,
    ) -> tuple[Tensor, Tensor]:
        """Normaliser (1, M) of the density of the pixels, and cost (M,) of the true pose."""
        weights = objects.w2d_scaled
        with full_precision(weights):
            manifold = pose_manifold(4, camera)
            problem = build_problem(
                objects.x3d, objects.x2d, weights, camera, self.cost_fun, manifold
            )
            cost = problem.cost.value(poses_gt.to(weights))
        return -weights.clamp(min=MIN_WEIGHT).log().sum((1, 2))[None], cost
