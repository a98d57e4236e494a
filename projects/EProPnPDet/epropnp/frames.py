"""Solving in an object frame centred on the points, and coming back from it.

Points far from the object's origin couple translation and rotation; moving the origin to their
mean decouples them. Source: EPro-PnP (arXiv 2203.13254), appendix on the PnP solver.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from epropnp import linear
from epropnp.cost import MovableCost
from epropnp.manifolds import PoseManifold


@dataclass(frozen=True, eq=False)
class ObjectFrame:
    """Frame whose origin is a given point of the object.

    Attributes:
        manifold: space of the poses.
        offset: (B, 3) origin in the object's own frame, metres; None for the object's own origin.
    """

    manifold: PoseManifold
    offset: Tensor | None = None

    @classmethod
    def centered(cls, cost: MovableCost) -> "ObjectFrame":
        """Frame at the centre of a cost; carries no gradient."""
        return cls(cost.manifold, cost.center())

    def cost(self, cost: MovableCost) -> MovableCost:
        """The cost as seen in this frame."""
        return cost if self.offset is None else cost.moved(self.offset)

    def enter(self, pose: Tensor) -> Tensor:
        """Poses (..., B, P) of the object as poses of this frame."""
        return self._move(pose, 1.0)

    def leave(self, pose: Tensor) -> Tensor:
        """Poses (..., B, P) of this frame as poses of the object; differentiable."""
        return self._move(pose, -1.0)

    def leave_covariance(self, pose: Tensor, covariance: Tensor) -> Tensor:
        """Tangent covariances (B, D, D) at poses (B, P) of this frame, for the object.

        A turn about the origin of this frame also moves the origin of the object.
        """
        if self.offset is None:
            return covariance
        identity = torch.eye(3, dtype=pose.dtype, device=pose.device)
        rotated = self._rotated(pose).unsqueeze(-1)
        by_turn = self.manifold.turn_gradient(
            rotated, identity.expand(*rotated.shape[:-2], 3, 3).unsqueeze(-1)
        ).squeeze(-1)  # (B, D - 3, 3)
        change = torch.eye(self.manifold.dof, dtype=pose.dtype, device=pose.device)
        change = change.repeat(*covariance.shape[:-2], 1, 1)
        change[..., :3, 3:] = -by_turn.mT
        return linear.product(linear.product(change, covariance), change.mT)

    def _rotated(self, pose: Tensor) -> Tensor:
        return linear.apply(self.manifold.rotation_matrix(pose), self.offset)

    def _move(self, pose: Tensor, sign: float) -> Tensor:
        if self.offset is None:
            return pose
        translation = pose[..., :3] + sign * self._rotated(pose)
        return torch.cat((translation, pose[..., 3:]), dim=-1)
