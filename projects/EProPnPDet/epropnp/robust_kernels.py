"""Robust kernels beside Huber: Cauchy, Geman-McClure, Tukey, and none at all (L2).

All agree with s^2 / 2 for errors s far below their threshold c (delta). Far beyond it the pull of a
point, the derivative of its cost by s, is constant for Huber, falls like 1/s for Cauchy and like
1/s^3 for Geman-McClure, and is zero from c on for Tukey. The less pull, the better gross outliers
are ignored, and the less a point far off learns: it hardly sees where its match is. The costs of
Geman-McClure and Tukey are bounded, so other minima, and density far from the points, are common.

Of points with normal noise of one unit, 95 % of the information is kept with a threshold of
1.345 for Huber, 2.385 for Cauchy, 3.79 for Geman-McClure and 4.685 for Tukey.

Sources: Holland and Welsch, "Robust regression using iteratively reweighted least-squares" (1977);
Geman and McClure, "Statistical methods for tomographic image reconstruction" (1987).
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from epropnp.kernels import (
    TINY_DELTA,
    TINY_SQUARE,
    AdaptiveHuberPnPCost,
    HuberPnPCost,
    Kernel,
)
from epropnp.record import Record


@dataclass(frozen=True, eq=False)
class ThresholdKernel(Record):
    """Base of kernels with one threshold; a subclass adds `value` and `root_weight`.

    Attributes:
        delta: (B,) error per object above which the kernel departs from a parabola; infinity makes
            it one.
    """

    delta: Tensor

    def _ratio(self, squared: Tensor) -> Tensor:
        """Squared error in units of the squared threshold, (..., B, n); finite."""
        ratio = squared / self.delta.clamp(min=TINY_DELTA).square().unsqueeze(-1)
        # a 32nd: vectorised log1p of older torch versions is infinite just below the largest number
        return ratio.clamp(max=torch.finfo(ratio.dtype).max / 32)


@dataclass(frozen=True, eq=False)
class Cauchy(ThresholdKernel):
    """Cost c^2 / 2 log(1 + s^2 / c^2): the log density of heavy Student tails."""

    def value(self, squared: Tensor) -> Tensor:
        """See `Kernel.value`."""
        ratio = self._ratio(squared).clamp(min=TINY_SQUARE)
        return 0.5 * squared * (ratio.log1p() / ratio)

    def root_weight(self, squared: Tensor) -> Tensor:
        """See `Kernel.root_weight`."""
        return (1.0 + self._ratio(squared)).rsqrt()


@dataclass(frozen=True, eq=False)
class GemanMcClure(ThresholdKernel):
    """Cost s^2 / 2 / (1 + s^2 / c^2), below c^2 / 2."""

    def value(self, squared: Tensor) -> Tensor:
        """See `Kernel.value`."""
        return 0.5 * squared / (1.0 + self._ratio(squared))

    def root_weight(self, squared: Tensor) -> Tensor:
        """See `Kernel.root_weight`."""
        return (1.0 + self._ratio(squared)).reciprocal()


@dataclass(frozen=True, eq=False)
class Tukey(ThresholdKernel):
    """Cost c^2 / 6 (1 - (1 - s^2 / c^2)^3), constant from c on."""

    def value(self, squared: Tensor) -> Tensor:
        """See `Kernel.value`."""
        inner = torch.minimum(squared, self.delta.square().unsqueeze(-1))
        ratio = self._ratio(squared).clamp(max=1.0)
        return inner * (3.0 - ratio * (3.0 - ratio)) / 6.0

    def root_weight(self, squared: Tensor) -> Tensor:
        """See `Kernel.root_weight`."""
        return (1.0 - self._ratio(squared)).clamp(min=0.0)


@dataclass(frozen=True, eq=False)
class L2(Record):
    """Cost s^2 / 2: every point counts in full, outliers too."""

    def value(self, squared: Tensor) -> Tensor:
        """See `Kernel.value`."""
        return 0.5 * squared

    def root_weight(self, squared: Tensor) -> Tensor:
        """See `Kernel.root_weight`."""
        return torch.ones_like(squared)


class _FromHuber:
    """Settings that find their threshold as a Huber setting does, and make another kernel of it."""

    kernel_type: ClassVar[type[ThresholdKernel]]

    def kernel(self, x2d: Tensor, w2d: Tensor) -> Kernel:
        """Kernel for correspondences with image points and weights (B, n, 2)."""
        return self.kernel_type(super().kernel(x2d, w2d).delta)


class CauchyPnPCost(_FromHuber, HuberPnPCost):
    """Setting: Cauchy kernel with a given threshold; see `HuberPnPCost` for the argument."""

    kernel_type = Cauchy


class GemanMcClurePnPCost(_FromHuber, HuberPnPCost):
    """Setting: Geman-McClure kernel with a given threshold; argument of `HuberPnPCost`."""

    kernel_type = GemanMcClure


class TukeyPnPCost(_FromHuber, HuberPnPCost):
    """Setting: Tukey kernel with a given threshold; see `HuberPnPCost` for the argument."""

    kernel_type = Tukey


class AdaptiveCauchyPnPCost(_FromHuber, AdaptiveHuberPnPCost):
    """Setting: Cauchy kernel with a relative threshold; arguments of `AdaptiveHuberPnPCost`."""

    kernel_type = Cauchy


class AdaptiveGemanMcClurePnPCost(_FromHuber, AdaptiveHuberPnPCost):
    """Setting: Geman-McClure kernel, relative threshold; arguments of `AdaptiveHuberPnPCost`."""

    kernel_type = GemanMcClure


class AdaptiveTukeyPnPCost(_FromHuber, AdaptiveHuberPnPCost):
    """Setting: Tukey kernel with a relative threshold; arguments of `AdaptiveHuberPnPCost`."""

    kernel_type = Tukey


class L2PnPCost:
    """Setting: plain least squares."""

    def kernel(self, x2d: Tensor, w2d: Tensor) -> L2:
        """Kernel for correspondences with image points and weights (B, n, 2)."""
        return L2()
