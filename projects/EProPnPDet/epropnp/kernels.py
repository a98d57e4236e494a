"""Robust kernels: how the cost of a point grows with its weighted reprojection error.

A kernel maps the squared error s^2 of a point (joint over x and y) to its cost, and to the factor
by which residual and Jacobian are scaled so that plain least squares sees the robust cost.
Source: EPro-PnP (arXiv 2203.13254), appendix on the Huber kernel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from typing_extensions import Self

from epropnp.arguments import check_flag
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


def adaptive_delta(
    x2d: Tensor, w2d: Tensor, relative_delta: float | Tensor, every_point: bool = False
) -> Tensor:
    """Huber threshold in proportion to the spread of the image points.

    Args:
        x2d: (B, n, 2) image points, pixels.
        w2d: (B, n, 2) weights, per pixel.
        relative_delta: threshold relative to mean weight times spread.
        every_point: points without a weight count too, as published. Otherwise they do not, so that
            padding changes nothing.

    Returns:
        (B,) relative_delta * mean(w2d) * sqrt(var_x + var_y), with unbiased variances.
    """
    used = has_weight(w2d)
    share = (torch.ones_like(used) if every_point else used).to(x2d.dtype)
    num = share.sum(-1)
    squares = sum(moments_of_used(axis, share, num)[1] for axis in x2d.unbind(-1))
    variance = squares / (num - 1).clamp(min=1)
    spread = variance.clamp(min=TINY_SQUARE).sqrt()
    return w2d.sum((-2, -1)) / (2 * num).clamp(min=1) * spread * relative_delta


def has_weight(w2d: Tensor) -> Tensor:
    """Mask (..., n) of the points of w2d (..., n, 2) with a weight above zero."""
    return (w2d[..., 0] > 0) | (w2d[..., 1] > 0)


def mean_of_used(values: Tensor, share: Tensor, num: Tensor) -> Tensor:
    """Mean (...) of those of values (..., n) whose share (..., n) is one; there are num (...)."""
    # a product takes a quarter of the time of a choice
    return (values * share).sum(-1) / num.clamp(min=1)


def moments_of_used(values: Tensor, share: Tensor, num: Tensor) -> tuple[Tensor, Tensor]:
    """`mean_of_used`, and the sum (...) of squared distances from it."""
    mean = mean_of_used(values, share, num)
    return mean, ((values - mean.unsqueeze(-1)) * share).square().sum(-1)


@dataclass(frozen=True, eq=False)
class HuberPnPCost:
    """Setting: Huber kernel with a given threshold.

    Attributes:
        delta: number or (B,), not negative, in units of weighted reprojection error. An object with
            a negative or NaN entry of a tensor is not valid.

    Raises:
        TypeError: a complex tensor.
        ValueError: something else than a number not below zero, or a tensor that is not (B,).
    """

    delta: float | Tensor = 1.0

    def __post_init__(self) -> None:
        _check_factor("delta", self.delta)

    def kernel(self, x2d: Tensor, w2d: Tensor) -> Huber:
        """Kernel for correspondences with image points and weights (B, n, 2)."""
        return Huber(_per_object("delta", self.delta, x2d))


@dataclass(frozen=True, eq=False)
class AdaptiveHuberPnPCost:
    """Setting: Huber kernel with a threshold from the spread of the points, see `adaptive_delta`.

    Attributes:
        relative_delta: number, or a tensor, () or (B,), to learn it; not negative.
        delta_gradient: what the threshold passes its gradient on to: "all" it depends on, "all but
            x2d", or "none" of it. With "all", spreading image points apart raises the threshold,
            which pays off by itself where they are free to move; it suits points that something
            else ties to their place.
        every_point: points without a weight count as published: in the threshold, the start of the
            solver and the origin of a normalised frame. By default they change nothing.

    Raises:
        TypeError: ``every_point`` is not a flag, or ``relative_delta`` is complex.
        ValueError: another ``delta_gradient``; a ``relative_delta`` that is negative, NaN, or a
            tensor of another shape.
    """

    relative_delta: float | Tensor = 0.5
    delta_gradient: str = "all but x2d"
    every_point: bool = False

    def __post_init__(self) -> None:
        check_flag("every_point", self.every_point)
        if not isinstance(self.delta_gradient, str) or self.delta_gradient not in DELTA_GRADIENTS:
            raise ValueError(
                f"delta_gradient must be one of {DELTA_GRADIENTS}, got {self.delta_gradient!r}"
            )
        _check_factor("relative_delta", self.relative_delta)

    def kernel(self, x2d: Tensor, w2d: Tensor) -> Huber:
        """Kernel for correspondences with image points and weights (B, n, 2)."""
        relative_delta = _per_object("relative_delta", self.relative_delta, x2d)
        points = x2d if self.delta_gradient == "all" else x2d.detach()
        delta = adaptive_delta(points, w2d, relative_delta, self.every_point)
        return Huber(delta.detach() if self.delta_gradient == "none" else delta)


def _check_factor(name: str, value: float | Tensor) -> None:
    """Refuse a number that is negative or NaN; the numbers of a tensor are not looked at."""
    if isinstance(value, Tensor):
        if value.is_complex():
            raise TypeError(f"{name} must hold real numbers, got {value.dtype}")
        if value.dim() > 1:
            raise ValueError(f"{name} must be a number or (objects,), got {tuple(value.shape)}")
    elif isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(f"{name} must be a number not below zero or a tensor, got {value!r}")


def _per_object(name: str, value: float | Tensor, x2d: Tensor) -> Tensor:
    """A factor (B,) like x2d (B, n, 2); NaN where it is negative."""
    num = x2d.shape[0]
    if not isinstance(value, Tensor):
        return x2d.new_full((num,), value)
    if value.dim() == 1 and value.shape[0] not in (1, num):
        raise ValueError(f"{name} has {len(value)} entries for {num} objects")
    value = value.to(x2d).expand(num)
    return torch.where(value < 0, torch.nan, value)
