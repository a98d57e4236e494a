"""The seam for compiled and fused implementations.

One backend is given to the layer, which hands it to its start, solver, sampler and loss. A fused
one takes apart the costs it knows (``type(cost) is ReprojectionCost``, its camera, kernel and
manifold; all of them are plain records of tensors) and leaves the others to `EagerBackend`.
"""

from typing import Protocol

import torch
from torch import Tensor

from epropnp.cost import PoseCost, SubsetCost
from epropnp.levenberg_marquardt import Solution
from epropnp.mixture import Mixture
from epropnp.proposals import Proposal, ProposalFamily
from epropnp.rounds import Schedule, WeightedPoses


class StepRule(Protocol):
    """How a minimiser steps: `TrustRegion` (Levenberg-Marquardt) or `GaussNewton`."""

    def minimize(self, cost: PoseCost, pose: Tensor, num_iter: int) -> Solution:
        """Minimise from poses (..., B, P) of the batch shape of the cost."""
        ...


class Backend(Protocol):
    """Arithmetic of the layer. Only `attach` and `newton_step` carry a gradient."""

    def minimize(self, cost: PoseCost, pose: Tensor, num_iter: int, rule: StepRule) -> Solution:
        """Minimum next to each of the poses (..., B, P), of the batch shape of the cost."""
        ...

    def minimize_subsets(
        self, cost: SubsetCost, index: Tensor, pose: Tensor, num_iter: int, rule: StepRule
    ) -> Tensor:
        """Minima (Q, B, P) of subsets (Q, B, k) of the points of a cost, next to given poses."""
        ...

    def algebraic_form(
        self, points: Tensor, residuals: Tensor, scales: Tensor, planar: Tensor
    ) -> Tensor:
        """Form (..., B, 12, 12) of [R | t], row by row, whose value is the error times depth.

        The weighted error of a point along u times its depth is ``a . [R | t] (point, 1)`` with
        ``a = scale (planar[0, 0], planar[0, 1], -residual)``, and likewise along v.

        Args:
            points: (..., B, 3, n) object frame.
            residuals: (..., B, 2, n) pixels from the principal point.
            scales: (..., B, 2, n) weights of the rows.
            planar: (..., B, 2, 2) focal part of the intrinsics.
        """
        ...

    def values(self, cost: PoseCost, poses: Tensor) -> Tensor:
        """Costs (S, B) of poses (S, B, P)."""
        ...

    def attach(self, cost: PoseCost, poses: Tensor, values: Tensor) -> Tensor:
        """Known costs (S, B) of poses (S, B, P), with a gradient to the leaves of the cost."""
        ...

    def newton_step(self, cost: PoseCost, pose: Tensor) -> Tensor:
        """Differentiable Gauss-Newton step (B, D) at poses (B, P), see `gauss_newton_step`."""
        ...

    def distinct_draws(self, chance: Tensor, draws: Tensor, race: Tensor, count: int) -> Tensor:
        """Subsets (Q, B, count) of points; see `epropnp.subsets.distinct_draws`."""
        ...

    def weighted_poses(
        self,
        cost: PoseCost,
        first: Mixture,
        schedule: Schedule,
        generator: torch.Generator | None,
    ) -> WeightedPoses:
        """Samples of the density exp(-cost) of B objects, drawn in rounds.

        Args:
            cost: of B objects.
            first: proposals of the first round; the others are fitted to the samples so far.
            schedule: numbers of samples and rounds, and the family that fits.
            generator: source of random numbers; torch's default one if None.
        """
        ...

    def sample(self, mixture: Mixture, num: int, generator: torch.Generator | None) -> Tensor:
        """Draw poses (num, B, P) of a mixture; see `Mixture.sample`."""
        ...

    def fit(self, family: ProposalFamily, poses: Tensor, log_weights: Tensor) -> Proposal:
        """Next proposal of a family, from samples (S, B, P) with log weights (S, B)."""
        ...

    def log_density(self, proposals: Proposal, log_shares: Tensor, poses: Tensor) -> Tensor:
        """Log density (S, B) of poses (S, B, P) under a mixture.

        Args:
            proposals: its K components for each of B objects.
            log_shares: (K, B) logs of their shares.
            poses: (S, B, P).
        """
        ...
