"""Cost of many poses per object without keeping a graph per sample.

The gradient of the Monte Carlo loss by the cost's parameters needs no more than one number per
sample, the derivative of the loss by its cost; everything else is computed again in the backward,
in chunks. Memory grows with samples plus points, not with their product.

`SampleCost` is the seam for a faster implementation: anything with its two methods can be given to
`AMIS(sample_cost=...)`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from epropnp.cost import PoseCost

CPU_CHUNK = 2**17  # residuals evaluated at a time, about what second level caches hold
DEVICE_CHUNK = 2**25


class SampleCost(Protocol):
    """Evaluates a cost at many poses."""

    def values(self, cost: PoseCost, poses: Tensor) -> Tensor:
        """Costs (S, B) of poses (S, B, P), without a gradient."""
        ...

    def attach(self, cost: PoseCost, poses: Tensor, values: Tensor) -> Tensor:
        """Known costs (S, B) of poses (S, B, P), with a gradient to the cost's parameters."""
        ...


@dataclass(frozen=True)
class ChunkedSampleCost:
    """Evaluation in chunks of samples, recomputed in the backward; for any cost.

    Attributes:
        chunk: residuals per chunk; chosen by the device if None.
    """

    chunk: int | None = None

    @torch.no_grad()
    def values(self, cost: PoseCost, poses: Tensor) -> Tensor:
        """See `SampleCost.values`."""
        parts = [cost.value(part) for part in poses.split(self._samples(cost, poses))]
        return torch.cat(parts) if parts else poses.new_zeros(poses.shape[:-1])

    def attach(self, cost: PoseCost, poses: Tensor, values: Tensor) -> Tensor:
        """See `SampleCost.attach`."""
        size = self._samples(cost, poses)
        return _Recompute.apply(cost, poses.detach(), values, size, *cost.parameters())

    def _samples(self, cost: PoseCost, poses: Tensor) -> int:
        """Samples per chunk."""
        residuals = self.chunk or (CPU_CHUNK if poses.device.type == "cpu" else DEVICE_CHUNK)
        return max(1, residuals // max(1, cost.num_residuals * poses.shape[1]))


class _Recompute(torch.autograd.Function):
    """Identity on known costs, whose backward evaluates them again with a graph."""

    @staticmethod
    def forward(ctx, cost, poses, values, size, *parameters):
        ctx.cost, ctx.size = cost, size
        ctx.save_for_backward(poses, *parameters)
        return values.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        poses, *parameters = ctx.saved_tensors
        needed = ctx.needs_input_grad[4:]
        leaves = [p.detach().requires_grad_(n) for p, n in zip(parameters, needed, strict=True)]
        total = _weighted_gradients(ctx.cost, leaves, poses, grad, ctx.size)
        return None, None, None, None, *(next(total) if n else None for n in needed)


def _weighted_gradients(
    cost: PoseCost, leaves: list[Tensor], poses: Tensor, weights: Tensor, size: int
) -> Iterator[Tensor]:
    """Gradients of sum(weights * cost) by those leaves that require one."""
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    totals = [torch.zeros_like(leaf) for leaf in wanted]
    with torch.enable_grad(), torch.autocast(poses.device.type, enabled=False):
        for part, weight in zip(poses.split(size), weights.split(size), strict=True):
            values = cost.with_parameters(tuple(leaves)).value(part)
            terms = torch.autograd.grad(values, wanted, weight, allow_unused=True)
            for total, term in zip(totals, terms, strict=True):
                if term is not None:
                    total += term
    return iter(totals)
