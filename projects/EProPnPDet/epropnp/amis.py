"""Adaptive multiple importance sampling of the pose density.

Samples are drawn in a few rounds. Every sample is weighted by its density over the mixture of all
proposals so far, and the weighted samples place the next proposal.

Source: EPro-PnP (arXiv 2203.13254), section 3.2, algorithm 1.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from epropnp.arguments import check_count, check_part
from epropnp.backends import Backend, default_backend
from epropnp.cost import PoseCost
from epropnp.mixture import Mixture
from epropnp.peaks import Peaks
from epropnp.precision import full_precision
from epropnp.proposals import ProposalFamily


class PoseSamples(NamedTuple):
    """Weighted samples of the pose density.

    Attributes:
        pose_samples: (S, B, P).
        pose_sample_logweights: (S, B) log of unnormalised importance weights, minus the cost minus
            the log density of the proposals: the log evidence is their logsumexp minus log S. They
            carry the gradient to the leaves of the cost; poses and proposals carry none.
        pose_sample_costs: (S, B) without gradient, or None where they were not kept.
    """

    pose_samples: Tensor
    pose_sample_logweights: Tensor
    pose_sample_costs: Tensor | None = None


class Sampler(Protocol):
    """Samples the density exp(-cost)."""

    def sample(
        self, cost: PoseCost, peaks: Peaks, backend: Backend, generator: torch.Generator | None
    ) -> PoseSamples:
        """Sample around the peaks of a cost.

        Args:
            cost: cost of B objects.
            peaks: where to begin.
            backend: arithmetic.
            generator: source of random numbers; torch's default one if None.
        """
        ...


@dataclass(frozen=True)
class AMIS:
    """Adaptive multiple importance sampling.

    Attributes:
        num_samples: S, in all rounds together.
        num_iter: rounds.
        proposals: family of proposal distributions for the manifold of the cost.

    Raises:
        TypeError: numbers that are not whole, or proposals that are none.
        ValueError: ``num_samples`` is not a positive multiple of ``num_iter``.
    """

    num_samples: int
    num_iter: int
    proposals: ProposalFamily

    def __post_init__(self):
        check_count("num_iter", self.num_iter, 1)
        check_count("num_samples", self.num_samples, 1)
        if self.num_samples % self.num_iter:
            raise ValueError(
                f"num_samples (mc_samples of a layer) must be a multiple of num_iter, "
                f"got {self.num_samples} and {self.num_iter}"
            )
        if self.proposals is None:
            raise TypeError("proposals must be a family of proposals, got None")
        check_part("proposals", self.proposals, "around", "fit")

    @full_precision
    def __call__(
        self,
        cost: PoseCost,
        pose: Tensor,
        covariance: Tensor,
        generator: torch.Generator | None = None,
        backend: Backend | None = None,
    ) -> PoseSamples:
        """Sample around modes (B, P) with tangent covariances (B, D, D)."""
        peaks = Peaks.single(pose, covariance)
        return self.sample(cost, peaks, backend or default_backend(), generator)

    def sample(
        self,
        cost: PoseCost,
        peaks: Peaks,
        backend: Backend,
        generator: torch.Generator | None = None,
    ) -> PoseSamples:
        """See `Sampler.sample`; the first proposal is a mixture over the peaks."""
        with torch.no_grad():
            poses, values, log_mixture = self._draw(cost, peaks, backend, generator)
        attached = backend.attach(cost, poses, values)
        return PoseSamples(poses, _log_weights(attached, log_mixture), values)

    def _draw(
        self, cost: PoseCost, peaks: Peaks, backend: Backend, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Poses (S, B, P), their costs (S, B) and log densities (S, B) under the mixture."""
        first = self.proposals.around(peaks.pose_opt, peaks.pose_cov)
        newest = every = Mixture(first, peaks.log_shares)
        poses = peaks.pose_opt.new_zeros((0, *peaks.pose_opt.shape[1:]))
        values = log_sum = poses.new_zeros(poses.shape[:2])
        for iteration in range(self.num_iter):
            if iteration > 0:
                log_mixture = log_sum - math.log(iteration)
                fitted = backend.fit(self.proposals, poses, _log_weights(values, log_mixture))
                newest = Mixture.single(fitted)
                every = every.joined(newest)
            new = backend.sample(newest, self.num_samples // self.num_iter, generator)
            earlier = backend.log_density(newest.proposals, newest.log_shares, poses)
            log_sum = torch.cat(
                (
                    torch.logaddexp(log_sum, earlier),
                    backend.log_density(every.proposals, every.log_shares, new),
                )
            )
            values = torch.cat((values, backend.values(cost, new)))
            poses = torch.cat((poses, new))
        return poses, values, log_sum - math.log(self.num_iter)


def _log_weights(values: Tensor, log_mixture: Tensor) -> Tensor:
    """Log importance weights (S, B); a sample without a cost has no weight."""
    log_weights = -values - log_mixture
    return torch.where(log_weights.isnan(), -torch.inf, log_weights)
