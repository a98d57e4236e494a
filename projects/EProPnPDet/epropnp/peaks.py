"""Where sampling begins: the peaks of the density that the first round of proposals sits on.

Source: EPro-PnP (arXiv 2203.13254), algorithm 1, whose first proposal is at the solution.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from epropnp import linear
from epropnp.backends import Backend
from epropnp.cost import PoseCost
from epropnp.distributions import wrap_angle
from epropnp.initializers import Starts
from epropnp.levenberg_marquardt import Solution, TrustRegion
from epropnp.manifolds import PoseManifold, quaternion_tangent

EXPLAINED = 0.25  # share of the rise of a quadratic model: robust costs rise less
MARGIN = 0.5  # nats by which starts, not solved to the end, may differ from it besides
TEMPER = 0.5  # power of the masses: a normal peak is too coarse a model to be trusted fully


class Peaks(NamedTuple):
    """K peaks of each of B densities.

    Attributes:
        pose_opt: (K, B, P).
        pose_cov: (K, B, D, D) covariance of a tangent step.
        log_shares: (K, B) logs of the shares of the first samples; -inf for a peak that is none,
            whose pose and covariance must be usable all the same.
    """

    pose_opt: Tensor
    pose_cov: Tensor
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
        return Peaks.single(solution.pose_opt, solution.covariance()[0])


@dataclass(frozen=True)
class DistinctPeaks:
    """The solution, and the minima beside it that other starts lead to.

    In training the true pose is one of the starts and wins. A second mode of the same cost, which
    at test time is found as likely, would never get a sample, and nothing would work against it.

    One peak after the other is solved, each from the lowest start that no peak so far explains: a
    start is explained if its cost is about as high as the quadratic model of the peak says, or
    higher. A minimum that an earlier peak explains gets no samples. The others share the first
    samples in proportion to the square root of their masses.

    Attributes:
        num_peaks: K, with the solution.
        num_iter: solver steps for each further peak.
    """

    num_peaks: int = 3
    num_iter: int = 5

    @torch.no_grad()
    def __call__(
        self, cost: PoseCost, starts: Starts, solution: Solution, backend: Backend
    ) -> Peaks:
        """See `PeakRule`."""
        found, masses = [solution], [_log_mass(solution)]
        explained = _explained(cost.manifold, solution, starts)
        objects = torch.arange(len(solution.cost), device=explained.device)
        for _ in range(self.num_peaks - 1):
            lowest = torch.where(explained, torch.inf, starts.cost).argmin(0)
            peak = backend.minimize(
                cost, starts.pose_init[lowest, objects], self.num_iter, TrustRegion()
            )
            itself = Starts(peak.pose_opt.unsqueeze(0), peak.cost.unsqueeze(0))
            known = [_explained(cost.manifold, earlier, itself).squeeze(0) for earlier in found]
            known = torch.stack(known).any(0) | ~peak.cost.isfinite()
            masses.append(torch.where(known, -torch.inf, _log_mass(peak)))
            found.append(peak)
            explained = explained | _explained(cost.manifold, peak, starts)
        return Peaks(
            torch.stack([peak.pose_opt for peak in found]),
            torch.stack([peak.covariance()[0] for peak in found]),
            (TEMPER * torch.stack(masses)).log_softmax(0),
        )


def _log_mass(peak: Solution) -> Tensor:
    """Log (B,) of the integral under a normal peak, up to a constant; zero where there is none."""
    covariance, solved = peak.covariance()
    diagonal = torch.linalg.cholesky_ex(covariance).L.diagonal(dim1=-2, dim2=-1)
    mass = diagonal.log().sum(-1) - peak.cost
    return torch.where(solved & mass.isfinite(), mass, 0.0)


def _explained(manifold: PoseManifold, peak: Solution, starts: Starts) -> Tensor:
    """Mask (Q, B) of the starts that are as high as the quadratic model of a peak has it."""
    step = _step_between(manifold, peak.pose_opt, starts.pose_init)
    rise = 0.5 * (step * linear.apply(peak.hessian, step)).sum(-1)
    return starts.cost - peak.cost + MARGIN >= EXPLAINED * rise


def _step_between(manifold: PoseManifold, start: Tensor, end: Tensor) -> Tensor:
    """Tangent step (Q, B, D) from poses (B, P) to poses (Q, B, P), the shorter way round.

    To first order in the turn, without a rotation matrix for each of the many starts: for
    quaternions it is the sine of half the angle where `tangent.step_between` has half the angle.
    A start far round is thereby taken for nearer than it is, and rather explained by its cost.
    """
    if manifold.dof == 4:
        turn = wrap_angle(end[..., 3:] - start[..., 3:])
    else:
        turn = linear.apply(quaternion_tangent(start[..., 3:]).mT, end[..., 3:])
        real = (start[..., 3:] * end[..., 3:]).sum(-1, keepdim=True)
        turn = torch.where(real < 0, -turn, turn)
    return torch.cat((end[..., :3] - start[..., :3], turn), dim=-1)
