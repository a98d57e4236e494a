"""A pose known beforehand, with its uncertainty: from a tracker, a map, or the last frame."""

from dataclasses import dataclass

import torch
from torch import Tensor

from epropnp import linear
from epropnp.arguments import check_floating
from epropnp.cost import LeastSquaresCost, Linearization
from epropnp.manifolds import PoseManifold
from epropnp.tangent import step_between, step_jacobian


@dataclass(frozen=True, eq=False)
class PosePrior(LeastSquaresCost):
    """Normal density of the tangent step from a known pose, without its constant.

    Attributes:
        pose: (B, P) most likely pose.
        root: (B, D, D) that makes a step white: root^T root is the inverse covariance.
        manifold: space of the poses.
        origin: (B, 3) origin of the frame of the poses in the object's own, metres, to which
            `pose` belongs; None if they are the same.
    """

    pose: Tensor
    root: Tensor
    manifold: PoseManifold
    origin: Tensor | None = None

    @classmethod
    def from_covariance(
        cls, pose: Tensor, covariance: Tensor, manifold: PoseManifold
    ) -> "PosePrior":
        """Prior with the covariance of a tangent step, such as `PnPSolution.pose_cov`.

        For a covariance in metres and radians see `epropnp.tangent_covariance`. An object whose
        pose or covariance is not finite, or whose covariance has no inverse, gets no prior.

        Args:
            pose: (B, P).
            covariance: (B, D, D), or (D, D) for all.
            manifold: space of the poses.

        Raises:
            TypeError: arguments that are not floating-point tensors.
            ValueError: shapes that do not fit.
        """
        check_floating("pose", pose)
        check_floating("covariance", covariance)
        num, dof = manifold.num_params, manifold.dof
        if pose.dim() != 2 or pose.shape[-1] != num:
            raise ValueError(f"pose must be (objects, {num}), got {tuple(pose.shape)}")
        if covariance.shape not in ((dof, dof), (len(pose), dof, dof)):
            raise ValueError(
                f"covariance must be ({dof}, {dof}) or ({len(pose)}, {dof}, {dof}), "
                f"got {tuple(covariance.shape)}"
            )
        covariance = covariance.to(pose).expand(len(pose), dof, dof)
        finite = pose.isfinite().all(-1) & covariance.isfinite().flatten(1).all(1)
        identity = torch.eye(dof, dtype=pose.dtype, device=pose.device)
        factor, solved = linear.factorize(torch.where(finite[:, None, None], covariance, identity))
        known = finite & solved
        white = torch.linalg.solve_triangular(factor, identity.expand_as(factor), upper=False)
        return cls(
            torch.where(known[:, None], pose, manifold.identity(pose)),
            torch.where(known[:, None, None], white, 0.0),
            manifold,
        )

    @property
    def num_residuals(self) -> int:
        """One per degree of freedom."""
        return self.manifold.dof

    def value(self, pose: Tensor) -> Tensor:
        """See `PoseCost.value`."""
        return 0.5 * self._residual(self._own(pose)).square().sum(-1)

    def linearize(self, pose: Tensor) -> Linearization:
        """See `LeastSquaresCost.linearize`."""
        own = self._own(pose)
        residual = self._residual(own)
        by_step = step_jacobian(self.manifold, self.pose, own)
        if self.origin is not None:
            by_step = linear.product(by_step, self._by_moved_step(pose))
        jacobian = linear.product(self.root, by_step)
        return Linearization(residual, jacobian, 0.5 * residual.square().sum(-1))

    def center(self) -> Tensor:
        """See `MovableCost.center`: where the poses' frame has its origin already."""
        return self.pose.new_zeros((len(self.pose), 3))

    def moved(self, origin: Tensor) -> "PosePrior":
        """See `MovableCost.moved`."""
        whole = origin if self.origin is None else origin + self.origin
        return PosePrior(self.pose, self.root, self.manifold, whole)

    def _residual(self, pose: Tensor) -> Tensor:
        return linear.apply(self.root, step_between(self.manifold, self.pose, pose))

    def _own(self, pose: Tensor) -> Tensor:
        """Poses (..., B, P) of the object's own frame."""
        if self.origin is None:
            return pose
        shift = linear.apply(self.manifold.rotation_matrix(pose), self.origin)
        return torch.cat((pose[..., :3] - shift, pose[..., 3:]), dim=-1)

    def _by_moved_step(self, pose: Tensor) -> Tensor:
        """Steps of the object's own pose by steps of the moved one, (..., B, D, D)."""
        rotated = linear.apply(self.manifold.rotation_matrix(pose), self.origin).unsqueeze(-1)
        identity = torch.eye(3, dtype=pose.dtype, device=pose.device).unsqueeze(-1)
        by_turn = self.manifold.turn_gradient(
            rotated, identity.expand(*rotated.shape[:-2], 3, 3, 1)
        )
        dof = self.manifold.dof
        change = torch.eye(dof, dtype=pose.dtype, device=pose.device)
        shift = torch.nn.functional.pad(-by_turn.squeeze(-1).mT, (3, 0, 0, dof - 3))
        return change + shift
