"""Robust kernels: how the cost of a point grows with its weighted reprojection error.

A kernel maps the squared error s^2 of a point (joint over x and y) to its cost, and to the factor
by which residual and Jacobian are scaled so that plain least squares sees the robust cost.
Source: EPro-PnP (arXiv 2203.13254), appendix on the Huber kernel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

from epropnp.record import Record

TINY_SQUARE = 1e-30  # floor of a squared error below which its root has no useful derivative
TINY_DELTA = 1e-10
DELTA_GRADIENTS = ("all", "all but x2d", "none")


class Kernel(Protocol):
    """Robust kernel of squared errors (..., B, n)."""

    def value(self, squared: Tensor) -> Tensor:
        """Cost of each point, (..., B, n)."""
        ...

    def root_weight(self, squared: Tensor) -> Tensor:
        """Factor of residual and Jacobian, (..., B, n): the root of the reweighting."""
        ...

    def leaves(self) -> dict[str, Tensor]:
        """Its tensors by name, each (B, ...); see `epropnp.record`."""
        ...

    def with_leaves(self, leaves: Mapping[str, Tensor]) -> Self:
        """The same kernel with other tensors in place of `leaves`."""
        ...


@dataclass(frozen=True, eq=False)
class Huber(Record):
    """Quadratic up to an error of ``delta``, linear beyond: s^2 / 2 or delta s - delta^2 / 2.

    Attributes:
        delta: (B,) threshold per object; infinity makes the kernel quadratic.
    """

    delta: Tensor

    def value(self, squared: Tensor) -> Tensor:
        """See `Kernel.value`."""
        error = squared.clamp(min=TINY_SQUARE).sqrt()
        inner = torch.minimum(error, self.delta.unsqueeze(-1))
        return inner * (error - 0.5 * inner)

    def root_weight(self, squared: Tensor) -> Tensor:
        """See `Kernel.root_weight`; differentiable in the error and in delta."""
        delta = self.delta.clamp(min=TINY_DELTA).unsqueeze(-1)
        outlier = squared > delta.square()
        safe = torch.where(outlier, squared, torch.ones_like(squared))
        return torch.where(outlier, delta.sqrt() * safe.pow(-0.25), torch.ones_like(squared))


def adaptive_delta(x2d: Tensor, w2d: Tensor, relative_delta: float | Tensor) -> Tensor:
    """Huber threshold in proportion to the spread of the image points.

    Args:
        x2d: (B, n, 2) image points, pixels.
        w2d: (B, n, 2) weights, per pixel.
        relative_delta: threshold relative to mean weight times spread.

    Returns:
        (B,) relative_delta * mean(w2d) * sqrt(var_x + var_y), with unbiased variances.
    """
    num = x2d.shape[-2]
    mean = x2d.sum(-2, keepdim=True) / max(num, 1)
    variance = (x2d - mean).square().sum((-2, -1)) / max(num - 1, 1)
    spread = variance.clamp(min=TINY_SQUARE).sqrt()
    return w2d.sum((-2, -1)) / max(2 * num, 1) * spread * relative_delta


@dataclass(frozen=True, eq=False)
class HuberPnPCost:
    """Setting: Huber kernel with a given threshold.

    Attributes:
        delta: number or (B,), in units of weighted reprojection error.
    """

    delta: float | Tensor = 1.0

    def kernel(self, x2d: Tensor, w2d: Tensor) -> Huber:
        """Kernel for correspondences with image points and weights (B, n, 2)."""
        return Huber(torch.as_tensor(self.delta).to(x2d).expand(x2d.shape[:-2]))


@dataclass(frozen=True, eq=False)
class AdaptiveHuberPnPCost:
    """Setting: Huber kernel with a threshold from the spread of the points, see `adaptive_delta`.

    Attributes:
        relative_delta: number, or a tensor to learn it.
        delta_gradient: what the threshold passes its gradient on to: "all" it depends on, "all but
            x2d" (the first published version), or "none" of it.

    Raises:
        ValueError: another ``delta_gradient``.
    """

    relative_delta: float | Tensor = 0.5
    delta_gradient: str = "all"

    def __post_init__(self) -> None:
        if self.delta_gradient not in DELTA_GRADIENTS:
            raise ValueError(
                f"delta_gradient must be one of {DELTA_GRADIENTS}, got {self.delta_gradient!r}"
            )

    def kernel(self, x2d: Tensor, w2d: Tensor) -> Huber:
        """Kernel for correspondences with image points and weights (B, n, 2)."""
        points = x2d if self.delta_gradient == "all" else x2d.detach()
        delta = adaptive_delta(points, w2d, self.relative_delta)
        return Huber(delta.detach() if self.delta_gradient == "none" else delta)
