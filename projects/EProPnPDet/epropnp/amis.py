"""Adaptive multiple importance sampling of the pose density.

Samples are drawn in a few rounds. Every sample is weighted by its density over the mixture of all
proposals so far, and the weighted samples place the next proposal.

Source: EPro-PnP (arXiv 2203.13254), section 3.2, algorithm 1.
"""

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
from epropnp.rounds import log_weights


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
            first = self.proposals.around(peaks.pose_opt, peaks.pose_cov)
            mixture = Mixture(first, peaks.log_shares)
            found = backend.weighted_poses(cost, mixture, self, generator)
        attached = backend.attach(cost, found.poses, found.values)
        weights = log_weights(attached, found.log_mixture)
        return PoseSamples(found.poses, weights, found.values)
