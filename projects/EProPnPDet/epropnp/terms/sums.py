"""Several costs of one pose, added: their densities multiplied."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from epropnp.cost import NormalEquations, PoseCost, weighted_gradient
from epropnp.manifolds import PoseManifold
from epropnp.record import Record


@dataclass(frozen=True, eq=False)
class SumCost(Record):
    """Sum of costs over the same objects and the same poses.

    A random-subset start draws from the points of all terms that have some, by weight; terms
    without points take part in every subset.

    Attributes:
        terms: costs of B objects; the manifold is that of the first.

    Raises:
        ValueError: no terms, or terms of other poses.
    """

    terms: tuple[PoseCost, ...]

    def __post_init__(self) -> None:
        if not self.terms:
            raise ValueError("a sum of costs needs at least one term")
        kinds = {(type(term.manifold), term.manifold.dof) for term in self.terms}
        if len(kinds) > 1:
            names = [type(term.manifold).__name__ for term in self.terms]
            raise ValueError(f"the terms of a sum must have the same poses, got {names}")

    @property
    def manifold(self) -> PoseManifold:
        """Space of the poses."""
        return self.terms[0].manifold

    @property
    def num_residuals(self) -> int:
        """Those of all terms."""
        return sum(term.num_residuals for term in self.terms)

    def value(self, pose: Tensor) -> Tensor:
        """See `PoseCost.value`."""
        return sum(term.value(pose) for term in self.terms)

    def normal_equations(self, pose: Tensor) -> NormalEquations:
        """See `PoseCost.normal_equations`."""
        parts = [term.normal_equations(pose) for term in self.terms]
        return NormalEquations(*(sum(fields) for fields in zip(*parts, strict=True)))

    def weighted_gradient(
        self, poses: Tensor, weights: Tensor, names: Collection[str]
    ) -> dict[str, Tensor]:
        """See `PoseCost.weighted_gradient`."""
        return weighted_gradient(self, poses, weights, names)

    def clipped(self, pose: Tensor) -> tuple[Tensor, Tensor]:
        """See `ReprojectionCost.clipped`: of the points of all terms."""
        counts = [term.clipped(pose) for term in self.terms if hasattr(term, "clipped")]
        none = torch.zeros_like(pose[..., 0])
        return sum((clipped for clipped, _ in counts), none), sum((n for _, n in counts), none)

    def point_weights(self) -> Tensor:
        """See `SubsetCost.point_weights`: of the points of all terms, one after the other."""
        return torch.cat([term.point_weights() for term in self._with_points()], dim=-1)

    def subset(self, index: Tensor) -> "SumCost":
        """See `SubsetCost.subset`."""
        terms, first = [], 0
        for term in self.terms:
            if not hasattr(term, "subset"):
                terms.append(term)
                continue
            num = term.point_weights().shape[-1]
            own = (index >= first) & (index < first + num)
            terms.append(term.subset(torch.where(own, index - first, num)))  # num is no point
            first += num
        return replace(self, terms=tuple(terms))

    def rough_translation(self) -> Tensor:
        """See `SubsetCost.rough_translation`: of the term whose points weigh most."""
        terms = self._with_points()
        total = torch.stack([term.point_weights().sum(-1) for term in terms])  # (terms, B)
        places = torch.stack([term.rough_translation() for term in terms])
        objects = torch.arange(total.shape[1], device=total.device)
        return places[total.argmax(0), objects]

    def center(self) -> Tensor:
        """See `MovableCost.center`: of the first term."""
        return self.terms[0].center()

    def moved(self, origin: Tensor) -> "SumCost":
        """See `MovableCost.moved`."""
        return replace(self, terms=tuple(term.moved(origin) for term in self.terms))

    def _with_points(self) -> list[PoseCost]:
        terms = [term for term in self.terms if hasattr(term, "subset")]
        if not terms:
            raise ValueError(
                "a random-subset start needs points, and no term of the sum has any: give a start"
            )
        return terms
