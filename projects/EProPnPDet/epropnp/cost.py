"""What the solver, the sampler and the loss know of a cost: its protocol, and defaults for it.

The negated cost is the log of an unnormalised pose density. Everything else sees `PoseCost` only,
so another problem (see `registration`) shares all of it by adding a cost. A random-subset start and
a frame that moves the origin need a little more of one: `SubsetCost` and `MovableCost`.

Source: EPro-PnP (arXiv 2203.13254), equations 1 and 3.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from typing_extensions import Self

from epropnp import linear
from epropnp.manifolds import PoseManifold
from epropnp.record import Record


class NormalEquations(NamedTuple):
    """A cost to second order in the tangent space, the curvature as Gauss and Newton have it.

    Attributes:
        value: (..., B) cost.
        gradient: (..., B, D), J^T r: derivative of the cost by a tangent step.
        hessian: (..., B, D, D), J^T J.
    """

    value: Tensor
    gradient: Tensor
    hessian: Tensor


class Linearization(NamedTuple):
    """A cost to first order in the tangent space; robust kernels are already in it.

    Attributes:
        residual: (..., B, M).
        jacobian: (..., B, M, D), derivative of the residual by a tangent step.
        value: (..., B) cost.
    """

    residual: Tensor
    jacobian: Tensor
    value: Tensor

    def normal_equations(self) -> NormalEquations:
        """Their products over the residuals."""
        rows = self.jacobian.mT
        both = torch.cat((rows, self.residual.unsqueeze(-2)), dim=-2)
        products = linear.contract(rows, both)
        return NormalEquations(self.value, products[..., -1], products[..., :-1])


class PoseCost(Protocol):
    """Negative log density of the poses of B objects."""

    manifold: PoseManifold
    num_residuals: int  # numbers computed per pose, by which chunks of poses are sized

    def value(self, pose: Tensor) -> Tensor:
        """Cost (..., B) of poses (..., B, P), differentiable in `leaves` and the pose."""
        ...

    def normal_equations(self, pose: Tensor) -> NormalEquations:
        """Value, gradient and curvature at poses (..., B, P) of the batch shape of the cost.

        Differentiable in `leaves` and the pose.
        """
        ...

    def leaves(self) -> dict[str, Tensor]:
        """Every tensor the cost depends on, by name; see `epropnp.record`."""
        ...

    def with_leaves(self, leaves: Mapping[str, Tensor]) -> Self:
        """The same cost with other tensors in place of some or all of `leaves`."""
        ...

    def weighted_gradient(
        self, poses: Tensor, weights: Tensor, names: Collection[str]
    ) -> dict[str, Tensor]:
        """Gradients of sum(weights * value(poses)) by the leaves of the given names.

        Where gradients are enabled, the result is itself differentiable.

        Args:
            poses: (S, B, P).
            weights: (S, B).
            names: of some leaves.
        """
        ...


class SubsetCost(PoseCost, Protocol):
    """A cost of points, of which some can be chosen; what a random-subset start needs."""

    def point_weights(self) -> Tensor:
        """Weight (B, n) of each point."""
        ...

    def subset(self, index: Tensor) -> PoseCost:
        """Cost of chosen points only, index (Q, B, k); the index n stands for no point."""
        ...

    def rough_translation(self) -> Tensor:
        """Translation (B, 3) to start from, metres."""
        ...


class MovableCost(PoseCost, Protocol):
    """A cost that can be seen from another origin of the object; what a frame needs."""

    def center(self) -> Tensor:
        """Origin (B, 3) that suits the problem, in the object frame, without gradient."""
        ...

    def moved(self, origin: Tensor) -> Self:
        """The cost of poses of the object frame whose origin is at (B, 3)."""
        ...


class LeastSquaresCost(Record, ABC):
    """Base of costs, frozen dataclasses, that are half a sum of squares under robust kernels.

    A subclass adds `PoseCost.manifold`, `PoseCost.num_residuals`, `PoseCost.value` and
    `linearize`; everything else follows from these.
    """

    @abstractmethod
    def linearize(self, pose: Tensor) -> Linearization:
        """Residual and Jacobian at poses (..., B, P) of the batch shape of the cost."""

    def normal_equations(self, pose: Tensor) -> NormalEquations:
        """See `PoseCost.normal_equations`."""
        return self.linearize(pose).normal_equations()

    def weighted_gradient(
        self, poses: Tensor, weights: Tensor, names: Collection[str]
    ) -> dict[str, Tensor]:
        """See `PoseCost.weighted_gradient`; by automatic differentiation."""
        return weighted_gradient(self, poses, weights, names)


def weighted_gradient(
    cost: PoseCost, poses: Tensor, weights: Tensor, names: Collection[str]
) -> dict[str, Tensor]:
    """`PoseCost.weighted_gradient` of any cost, by automatic differentiation of its value."""
    leaves = cost.leaves()

    def values(chosen: dict[str, Tensor]) -> Tensor:
        return cost.with_leaves(chosen).value(poses)

    _, pull_back = torch.func.vjp(values, {name: leaves[name] for name in names})
    return pull_back(weights)[0]
