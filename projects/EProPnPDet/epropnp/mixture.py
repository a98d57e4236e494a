"""Mixtures of proposals, their components stacked in one axis.

Shapes: K components, S samples, B objects, P pose parameters.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from epropnp.proposals import Proposal
from epropnp.record import Record, concatenate


@dataclass(frozen=True, eq=False)
class Mixture(Record):
    """Proposals and their shares.

    Attributes:
        proposals: K components for each of B objects.
        log_shares: (K, B) logs of their shares.
    """

    proposals: Proposal
    log_shares: Tensor

    @classmethod
    def single(cls, proposal: Proposal) -> "Mixture":
        """Mixture of one component, a proposal for each of B objects."""
        leaves = {name: leaf.unsqueeze(0) for name, leaf in proposal.leaves().items()}
        first = next(iter(leaves.values()))
        return cls(proposal.with_leaves(leaves), first.new_zeros(first.shape[:2]))

    def joined(self, other: "Mixture") -> "Mixture":
        """Components of both, with the shares they have: the sum of two densities."""
        return concatenate((self, other))

    def sample(self, num: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw poses (num, B, P); of each component as many as its share, give or take one.

        Which of its own draws a component contributes is random.
        """
        poses = self.proposals.sample(num, generator)  # (num, K, B, P)
        components, batch = self.log_shares.shape
        if components == 1:
            return poses.squeeze(1)
        shares = self.log_shares.exp()
        offset = torch.rand(batch, dtype=shares.dtype, device=shares.device, generator=generator)
        index = systematic_index(shares, num, offset)
        # components draw their parts in a fixed order, which must not decide who draws which
        shuffle = torch.rand(index.shape, device=shares.device, generator=generator).argsort(0)
        index = index.gather(0, shuffle)
        pick = index[:, None, :, None].expand(-1, 1, -1, poses.shape[-1])
        return poses.gather(1, pick).squeeze(1)


def systematic_index(weights: Tensor, num: int, offset: float | Tensor = 0.5) -> Tensor:
    """Indices (num, B) of samples, each as often as its weight (S, B) asks for, give or take one.

    Args:
        weights: (S, B), of sum one.
        num: number of indices.
        offset: (B,) position of the first one in the first of ``num`` equal steps, in [0, 1).
    """
    ranks = torch.arange(num, dtype=weights.dtype, device=weights.device).unsqueeze(-1)
    levels = ((ranks + offset) / num).expand(num, weights.shape[1])
    index = torch.searchsorted(weights.cumsum(0).T.contiguous(), levels.T.contiguous())
    return index.T.clamp(max=len(weights) - 1)
