"""Where sampling begins: the peaks of the density that the first round of proposals sits on.

Source: EPro-PnP (arXiv 2203.13254), algorithm 1, whose first proposal is at the solution.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from epropnp.backends import Backend
from epropnp.cost import PoseCost
from epropnp.initializers import Starts
from epropnp.levenberg_marquardt import Solution


class Peaks(NamedTuple):
    """K peaks of each of B densities.

    Attributes:
        pose: (K, B, P).
        covariance: (K, B, D, D) of a tangent step.
        log_shares: (K, B) logs of the shares of the first samples; -inf for a peak that is none,
            whose pose and covariance must be usable all the same.
    """

    pose: Tensor
    covariance: Tensor
    log_shares: Tensor

    @classmethod
    def single(cls, pose: Tensor, covariance: Tensor) -> "Peaks":
        """One peak per object, at poses (B, P) with covariances (B, D, D)."""
        return cls(pose[None], covariance[None], pose.new_zeros((1, len(pose))))


class PeakRule(Protocol):
    """Finds the peaks."""

    def __call__(
        self, cost: PoseCost, starts: Starts, solution: Solution, backend: Backend
    ) -> Peaks:
        """Peaks of a cost.

        Args:
            cost: cost of B objects.
            starts: poses that were tried, not solved to the end; Q may be one.
            solution: minimum found from the best of them.
            backend: arithmetic.
        """
        ...


@dataclass(frozen=True)
class BestPeak:
    """The solution alone."""

    @torch.no_grad()
    def __call__(
        self, cost: PoseCost, starts: Starts, solution: Solution, backend: Backend
    ) -> Peaks:
        """See `PeakRule`."""
        return Peaks.single(solution.pose, solution.covariance()[0])
