"""Adaptive multiple importance sampling of the pose density.

Samples are drawn in a few rounds. Every sample is weighted by its density over the mixture of all
proposals so far, and the weighted samples place the next proposal.

Source: EPro-PnP (arXiv 2203.13254), section 3.2, algorithm 1.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from epropnp.cost import PoseCost
from epropnp.proposals import Proposal, ProposalFamily
from epropnp.sample_cost import ChunkedSampleCost, SampleCost


class PoseSamples(NamedTuple):
    """Weighted samples of the pose density.

    Attributes:
        poses: (S, B, P).
        log_weights: (S, B) log of unnormalised importance weights, minus the cost minus the log
            density of the proposals: the log evidence is their logsumexp minus log S. They carry
            the gradient to the parameters of the cost; poses and proposals carry none.
    """

    poses: Tensor
    log_weights: Tensor


@dataclass(frozen=True)
class AMIS:
    """Sampler of the density exp(-cost).

    Attributes:
        num_samples: S, in all rounds together.
        num_iter: rounds.
        proposals: family of proposal distributions for the manifold of the cost.
        sample_cost: how a cost is evaluated at many poses.

    Raises:
        ValueError: ``num_samples`` is not a multiple of ``num_iter``.
    """

    num_samples: int
    num_iter: int
    proposals: ProposalFamily
    sample_cost: SampleCost = field(default_factory=ChunkedSampleCost)

    def __post_init__(self):
        if self.num_iter < 1 or self.num_samples < 1 or self.num_samples % self.num_iter:
            raise ValueError(
                f"the number of samples ({self.num_samples}) must be a positive multiple of the "
                f"number of rounds ({self.num_iter})"
            )

    def __call__(
        self,
        cost: PoseCost,
        pose: Tensor,
        covariance: Tensor,
        generator: torch.Generator | None = None,
    ) -> PoseSamples:
        """Sample around modes (B, P) with tangent covariances (B, D, D)."""
        with torch.no_grad():
            poses, values, log_mixture = self._draw(cost, pose, covariance, generator)
        values = self.sample_cost.attach(cost, poses, values)
        return PoseSamples(poses, _log_weights(values, log_mixture))

    def _draw(
        self,
        cost: PoseCost,
        pose: Tensor,
        covariance: Tensor,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Poses (S, B, P), their costs (S, B) and log densities (S, B) under the mixture."""
        proposals: list[Proposal] = [self.proposals.around(pose, covariance)]
        poses = pose.new_zeros((0, *pose.shape))
        values = log_sum = pose.new_zeros(poses.shape[:2])
        for iteration in range(self.num_iter):
            if iteration > 0:
                log_mixture = log_sum - math.log(iteration)
                proposals.append(self.proposals.fit(poses, _log_weights(values, log_mixture)))
            new = proposals[-1].sample(self.num_samples // self.num_iter, generator)
            log_sum = torch.cat(
                (
                    torch.logaddexp(log_sum, proposals[-1].log_prob(poses)),
                    torch.stack([p.log_prob(new) for p in proposals]).logsumexp(0),
                )
            )
            values = torch.cat((values, self.sample_cost.values(cost, new)))
            poses = torch.cat((poses, new))
        return poses, values, log_sum - math.log(self.num_iter)


def _log_weights(values: Tensor, log_mixture: Tensor) -> Tensor:
    """Log importance weights (S, B); a sample without a cost has no weight."""
    log_weights = -values - log_mixture
    return torch.where(log_weights.isnan(), -torch.inf, log_weights)
