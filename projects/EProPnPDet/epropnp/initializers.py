"""Start poses: many small problems on random points, of which the best solution wins.

Source: EPro-PnP (arXiv 2203.13254), appendix on the initialisation of the solver.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from epropnp.arguments import check_count, check_dof
from epropnp.backends import Backend, StepRule, default_backend
from epropnp.cost import PoseCost, SubsetCost
from epropnp.levenberg_marquardt import TrustRegion
from epropnp.subsets import DRAWS_PER_POINT


class Starts(NamedTuple):
    """Poses from which a solver may start.

    Attributes:
        pose_init: (Q, B, P).
        cost: (Q, B) at `pose_init`; infinite where a pose has none.
    """

    pose_init: Tensor
    cost: Tensor

    def best(self) -> tuple[Tensor, Tensor]:
        """The pose (B, P) of the lowest cost, and that cost (B,)."""
        value, index = self.cost.min(dim=0)
        objects = torch.arange(index.shape[0], device=index.device)
        return self.pose_init[index, objects], value

    def moved(self, move: Callable[[Tensor], Tensor]) -> "Starts":
        """The same in another object frame, where costs are what they are."""
        return Starts(move(self.pose_init), self.cost)

    def and_given(self, pose: Tensor, value: Tensor) -> "Starts":
        """These and one more pose (B, P), with its cost (B,)."""
        value = torch.where(value.isnan(), torch.inf, value)
        return Starts(
            torch.cat((self.pose_init, pose.unsqueeze(0))),
            torch.cat((self.cost, value.unsqueeze(0))),
        )


def lowest_distinct(cost: Tensor, num: int, alike: Callable[[Tensor], Tensor]) -> Tensor:
    """Indices (num, B) of the lowest of costs (K, B), no two of them alike.

    Where there are fewer finite ones, the lowest is repeated.

    Args:
        cost: (K, B), infinite of what is not to be chosen.
        num: how many of each object.
        alike: mask (K, B) of what an index (B,) stands for, that itself included.
    """
    chosen: list[Tensor] = []
    for _ in range(num):
        index = cost.argmin(0)
        if chosen:
            index = torch.where(cost.amin(0).isfinite(), index, chosen[0])
        chosen.append(index)
        cost = torch.where(alike(index), torch.inf, cost)
    return torch.stack(chosen)


class Start(Protocol):
    """Finds poses from which to solve."""

    def __call__(
        self, cost: PoseCost, generator: torch.Generator | None, rule: StepRule, backend: Backend
    ) -> Starts:
        """Start poses for B objects.

        Args:
            cost: cost of B objects.
            generator: source of random numbers; torch's default one if None.
            rule: steps of the solver, for starts that take some.
            backend: arithmetic.
        """
        ...


@dataclass(frozen=True)
class RSLMSolver:
    """Solve random subsets of the correspondences; the pose that fits all of them best wins.

    Attributes:
        dof: 4 or 6; only to check that it is that of the cost, if given.
        num_points: points in a subset, drawn without replacement with the weights as chances.
        num_proposals: subsets per object.
        num_iter: solver steps on each subset.

    Raises:
        TypeError: a number that is not whole.
        ValueError: one that is too small, or ``dof`` is neither 4 nor 6.
    """

    dof: int | None = None
    num_points: int = 16
    num_proposals: int = 64
    num_iter: int = 3

    def __post_init__(self):
        if self.dof is not None:
            check_dof(self.dof)
        check_count("num_points", self.num_points, 1)
        check_count("num_proposals", self.num_proposals, 1)
        check_count("num_iter", self.num_iter)

    @torch.no_grad()
    def __call__(
        self,
        cost: SubsetCost,
        generator: torch.Generator | None = None,
        rule: StepRule | None = None,
        backend: Backend | None = None,
    ) -> Starts:
        """See `Start`: the solution of every subset.

        Raises:
            ValueError: the cost has other degrees of freedom.
        """
        if self.dof is not None and self.dof != cost.manifold.dof:
            raise ValueError(f"start with dof={self.dof} used for dof={cost.manifold.dof}")
        weights = cost.point_weights()
        drawn = (weights, self.num_proposals, self.num_points, generator, backend)
        index = draw_subsets(*drawn)
        rotation = cost.manifold.random_rotation(index.shape[:-1], weights, generator)
        return self.from_subsets(cost, index, rotation, rule, backend)

    @torch.no_grad()
    def from_subsets(
        self,
        cost: SubsetCost,
        index: Tensor,
        rotation: Tensor,
        rule: StepRule | None = None,
        backend: Backend | None = None,
    ) -> Starts:
        """The same for given subsets (Q, B, k) and start rotations (Q, B, P - 3)."""
        rule, backend = rule or TrustRegion(), backend or default_backend()
        translation = cost.rough_translation().expand(*rotation.shape[:-1], 3)
        start = torch.cat((translation, rotation), dim=-1)
        poses = backend.minimize_subsets(cost, index, start, self.num_iter, rule)
        values = backend.values(cost, poses)
        return Starts(poses, torch.where(values.isnan(), torch.inf, values))


def draw_subsets(
    weights: Tensor,
    num_subsets: int,
    num_points: int,
    generator: torch.Generator | None = None,
    backend: Backend | None = None,
) -> Tensor:
    """Draw subsets of distinct points, with chances in proportion to their weights.

    Points without weight come last: they fill up a subset when there are no others. See
    `epropnp.subsets` for how they are drawn.

    Args:
        weights: (B, n), not negative.
        num_subsets: Q.
        num_points: points per subset; all of them if there are fewer.
        generator: source of random numbers.
        backend: arithmetic.

    Returns:
        (Q, B, k) indices.
    """
    chance = weights.clamp(min=0)
    count = min(num_points, chance.shape[-1])
    like = {"dtype": chance.dtype, "device": chance.device, "generator": generator}
    draws = torch.rand((num_subsets, chance.shape[0], DRAWS_PER_POINT * count), **like)
    race = torch.rand(chance.shape, **like)
    return (backend or default_backend()).distinct_draws(chance, draws, race, count)
