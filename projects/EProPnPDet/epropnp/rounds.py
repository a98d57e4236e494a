"""Rounds of adaptive multiple importance sampling, one operation after the other.

Source: EPro-PnP (arXiv 2203.13254), section 3.2, algorithm 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch
from torch import Tensor

from epropnp.cost import PoseCost
from epropnp.mixture import Mixture
from epropnp.proposals import ProposalFamily

if TYPE_CHECKING:  # which calls these rounds itself
    from epropnp.backends import Backend


class WeightedPoses(NamedTuple):
    """Samples, and what their weights are made of.

    Attributes:
        poses: (S, B, P).
        values: (S, B) costs.
        log_mixture: (S, B) log densities of the mixture of all proposals.
    """

    poses: Tensor
    values: Tensor
    log_mixture: Tensor


class Schedule(Protocol):
    """How samples are drawn: `AMIS`.

    Attributes:
        num_samples: S, in all rounds together.
        num_iter: rounds.
        proposals: family of which each round fits the next proposal.
    """

    num_samples: int
    num_iter: int
    proposals: ProposalFamily


def draw_rounds(
    backend: Backend,
    cost: PoseCost,
    first: Mixture,
    schedule: Schedule,
    generator: torch.Generator | None,
) -> WeightedPoses:
    """See `Backend.weighted_poses`; by the operations of a backend."""
    newest = every = first
    batch, size = first.log_shares.shape[1], cost.manifold.num_params
    poses = first.log_shares.new_zeros((0, batch, size))
    values = log_sum = poses.new_zeros((0, batch))
    for iteration in range(schedule.num_iter):
        if iteration > 0:
            weights = log_weights(values, log_sum - math.log(iteration))
            newest = Mixture.single(backend.fit(schedule.proposals, poses, weights))
            every = every.joined(newest)
        new = backend.sample(newest, schedule.num_samples // schedule.num_iter, generator)
        earlier = backend.log_density(newest.proposals, newest.log_shares, poses)
        log_sum = torch.cat(
            (
                torch.logaddexp(log_sum, earlier),
                backend.log_density(every.proposals, every.log_shares, new),
            )
        )
        values = torch.cat((values, backend.values(cost, new)))
        poses = torch.cat((poses, new))
    return WeightedPoses(poses, values, log_sum - math.log(schedule.num_iter))


def log_weights(values: Tensor, log_mixture: Tensor) -> Tensor:
    """Log importance weights (S, B); a sample without a cost has no weight."""
    weights = -values - log_mixture
    return torch.where(weights.isnan(), -torch.inf, weights)
