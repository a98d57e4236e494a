"""Registration of two point clouds as a probabilistic layer: solver, sampler and loss are shared.

Solver, sampler and loss know a cost by its protocol (`epropnp.cost.PoseCost`) only, so another
problem needs another cost and nothing else. Here points of an object are matched to points measured
in the camera frame, by a depth camera or a lidar, with learnt weights:

    cost = RegistrationCost.from_points(points_obj, points_cam, weights)
    solution = register(cost)
    pose_cov, valid = solution.covariance()
    samples = AMIS(512, 4, QuaternionProposals())(cost, solution.pose_opt, pose_cov)
    loss = monte_carlo_pose_loss(samples.pose_sample_logweights, cost.value(pose_gt)).mean()

Shapes: B objects, n points, P pose parameters, D degrees of freedom. Metres.
Source: EPro-PnP (arXiv 2203.13254), conclusion, which names nested optimisation as an outlook.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from epropnp import linear
from epropnp.cost import LeastSquaresCost, Linearization
from epropnp.gate import FiniteGate, finite_objects
from epropnp.kernels import Huber, Kernel
from epropnp.levenberg_marquardt import Solution, levenberg_marquardt
from epropnp.manifolds import PoseManifold, QuatPose
from epropnp.precision import full_precision


@dataclass(frozen=True, eq=False)
class RegistrationCost(LeastSquaresCost):
    """Weighted squared distances of matched points under a robust kernel.

    Attributes:
        points_obj: (B, 3, n) object frame, metres.
        points_cam: (B, 3, n) matches in the camera frame, metres.
        weights: (B, 3, n), not negative: one over the standard deviation along each camera axis.
        kernel: robust kernel of the squared weighted distance of a match.
        manifold: space of the poses.
    """

    points_obj: Tensor
    points_cam: Tensor
    weights: Tensor
    kernel: Kernel
    manifold: PoseManifold = field(default_factory=QuatPose)

    @classmethod
    def from_points(
        cls,
        points_obj: Tensor,
        points_cam: Tensor,
        weights: Tensor,
        delta: float = torch.inf,
        manifold: PoseManifold | None = None,
    ) -> "RegistrationCost":
        """Cost of matched points; an object with numbers that are not finite weighs nothing.

        Args:
            points_obj: (B, n, 3) object frame, metres.
            points_cam: (B, n, 3) camera frame, metres.
            weights: (B, n) or (B, n, 3), not negative, per metre.
            delta: Huber threshold of the weighted distance; plain least squares if infinite.
            manifold: space of the poses, translation and quaternion if None.

        Raises:
            ValueError: shapes that do not fit.
        """
        if points_obj.dim() != 3 or points_obj.shape[-1] != 3:
            raise ValueError(f"points_obj must be (objects, n, 3), got {tuple(points_obj.shape)}")
        if weights.dim() == 2:
            weights = weights.unsqueeze(-1).expand(*weights.shape, 3)
        for name, tensor in (("points_cam", points_cam), ("weights", weights)):
            if tensor.shape != points_obj.shape:
                expected, got = tuple(points_obj.shape), tuple(tensor.shape)
                raise ValueError(f"{name} must fit points_obj {expected}, got {got}")
        tensors = (points_obj, points_cam, weights)
        finite = torch.stack([finite_objects(tensor) for tensor in tensors]).all(0)
        rows = [tensor.mT.contiguous() for tensor in FiniteGate.apply(finite, *tensors)]
        kernel = Huber(points_obj.new_full((len(points_obj),), delta))
        return cls(*rows, kernel, manifold or QuatPose())

    @property
    def num_residuals(self) -> int:
        """Three per match."""
        return 3 * self.points_obj.shape[-1]

    def value(self, pose: Tensor) -> Tensor:
        """Cost (..., B) of poses (..., B, P)."""
        _, error = self._errors(pose)
        return self.kernel.value(error.square().sum(-2)).sum(-1)

    def linearize(self, pose: Tensor) -> Linearization:
        """Residual and Jacobian at poses (..., B, P)."""
        rotated, error = self._errors(pose)
        squared = error.square().sum(-2)
        factor = self.kernel.root_weight(squared).unsqueeze(-2)
        identity = torch.eye(3, dtype=pose.dtype, device=pose.device).unsqueeze(-1)
        by_camera = identity * (self.weights * factor).unsqueeze(-2)  # (..., B, 3, 3, n)
        by_rotation = self.manifold.turn_gradient(rotated, by_camera)
        by_step = torch.cat((by_camera.transpose(-3, -2), by_rotation), dim=-3)
        return Linearization(
            (error * factor).flatten(-2), by_step.flatten(-2).mT, self.kernel.value(squared).sum(-1)
        )

    def _errors(self, pose: Tensor) -> tuple[Tensor, Tensor]:
        """Rotated points and weighted errors, both (..., B, 3, n)."""
        rotated = linear.product(self.manifold.rotation_matrix(pose), self.points_obj)
        return rotated, (rotated + pose[..., :3, None] - self.points_cam) * self.weights


@torch.no_grad()
@full_precision
def register(
    cost: RegistrationCost,
    num_starts: int = 8,
    num_iter: int = 15,
    generator: torch.Generator | None = None,
) -> Solution:
    """Lowest minimum found from random rotations, with the weighted centres brought together.

    Args:
        cost: cost of B objects.
        num_starts: rotations tried per object.
        num_iter: solver steps from each.
        generator: source of random numbers; torch's default one if None.
    """
    weights = cost.weights.square()
    total = weights.sum(-1).clamp(min=torch.finfo(weights.dtype).tiny)
    center_obj, center_cam = (
        (points * weights).sum(-1) / total for points in (cost.points_obj, cost.points_cam)
    )
    shape = (num_starts, len(cost.points_obj))
    rotation = cost.manifold.random_rotation(shape, cost.points_obj, generator)
    start = torch.cat((center_cam.expand(*shape, 3), rotation), dim=-1)
    turned = linear.apply(cost.manifold.rotation_matrix(start), center_obj)
    start = torch.cat((start[..., :3] - turned, rotation), dim=-1)

    found = levenberg_marquardt(cost, start, num_iter)
    best = torch.where(found.cost.isnan(), torch.inf, found.cost).argmin(0)
    objects = torch.arange(shape[1], device=best.device)
    return Solution(*(field[best, objects] for field in found))
