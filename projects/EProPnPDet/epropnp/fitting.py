"""Weighted moments of pose samples, and the rules that keep proposals fitted to them usable.

With few samples and peaked weights a plain moment fit collapses: one sample carries all weight and
the covariance is singular. `ScaledFit`, the default, guards against this without any constant in
metres or radians, so a fit does not depend on the size of the object. `PublishedFit` reproduces the
published system, whose constants a replay of its numbers needs.

Shapes: S samples, B objects, d dimensions.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from epropnp import linear

ROUNDING_MARGIN = 8.0  # proposals stay this many float steps wide
MIN_CARRIERS = 8  # samples sharing the top weight at least: more than a 4D covariance needs


def cholesky_or(matrix: Tensor, fallback: Tensor) -> Tensor:
    """Cholesky factor of each matrix (B, d, d), or ``fallback`` where it has none.

    Args:
        matrix: (B, d, d) symmetric.
        fallback: lower-triangular factor, broadcast to (B, d, d).
    """
    factor, info = torch.linalg.cholesky_ex(matrix)
    solved = (info == 0) & factor.isfinite().flatten(-2).all(-1)
    return torch.where(solved[..., None, None], factor, fallback)


def normalized_weights(log_weights: Tensor) -> Tensor:
    """Softmax over samples (S, B); non-finite entries weigh nothing, or all the same if alone."""
    usable = log_weights.isfinite()
    log_weights = torch.where(usable, log_weights, -math.inf)
    return torch.where(usable.any(0), log_weights, 0.0).softmax(0)


def clip_log_weights(log_weights: Tensor, carriers: int) -> Tensor:
    """Lower the largest log weights (S, B) of each object to its ``carriers``-th largest.

    The clipped weights have an effective sample size of at least ``carriers``, so moments taken
    with them do not degenerate; weights that are spread well are hardly changed. See Koblents and
    Miguez, "A population Monte Carlo scheme with transformed weights" (2015).
    """
    usable = log_weights.isfinite()
    log_weights = torch.where(usable, log_weights, -math.inf)
    ceiling = log_weights.topk(min(carriers, len(usable)), dim=0).values[-1]
    lowest = torch.where(usable, log_weights, math.inf).amin(0)  # fewer usable than carriers
    return torch.minimum(log_weights, torch.maximum(ceiling, lowest))


def weighted_moments(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (B, d) and covariance (B, d, d) of values (S, B, d) under weights (S, B) of sum 1."""
    mean = (weights.unsqueeze(-1) * values).sum(0)
    return mean, second_moment(values - mean, weights)


def second_moment(values: Tensor, weights: Tensor) -> Tensor:
    """Sum over samples of ``weight * value value^T``: (S, B, d), (S, B) -> (B, d, d)."""
    columns = values.permute(1, 2, 0)
    return linear.contract(columns * weights.T.unsqueeze(1), columns)


def circular_moments(angles: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean direction (B,) and circular variance (B,), in [0, 1], of angles (S, B).

    The variance, one minus the length of the mean direction vector, is summed from half-angle
    sines: exact for narrow distributions, where the difference would cancel.
    """
    mean = torch.atan2((weights * angles.sin()).sum(0), (weights * angles.cos()).sum(0))
    return mean, (weights * 2.0 * (0.5 * (angles - mean)).sin().square()).sum(0)


class FitRule(Protocol):
    """The choices in fitting a proposal that decide how it behaves when samples are poor."""

    def weights(self, log_weights: Tensor) -> Tensor:
        """Weights (S, B) of sum one from log weights (S, B)."""
        ...

    def floor_variance(self, variance: Tensor, magnitude: Tensor) -> Tensor:
        """Smallest variance (B,) allowed for a coordinate of this magnitude (B,)."""
        ...

    def translation_factor(
        self, covariance: Tensor, loc: Tensor, published: tuple[float, ...]
    ) -> Tensor:
        """Factor (B, 3, 3) of a covariance (B, 3, 3) of positions near ``loc`` (B, 3).

        ``published`` is the diagonal that the published system falls back to, metres.
        """
        ...

    def steady_moment(self, moment: Tensor) -> Tensor:
        """Quaternion moment (B, 4, 4), made safe to factorise between fixed-point steps."""
        ...

    def quaternion_factor(self, moment: Tensor) -> Tensor:
        """Factor (B, 4, 4) of the final quaternion moment (B, 4, 4)."""
        ...


@dataclass(frozen=True)
class ScaledFit:
    """Guards relative to the problem: clipped weights, ridges of a few float steps.

    Attributes:
        min_carriers: samples that share the largest weight at least; the square root of the
            number of samples if that is more.
    """

    min_carriers: int = MIN_CARRIERS

    def weights(self, log_weights: Tensor) -> Tensor:
        """Softmax of the clipped log weights."""
        return normalized_weights(clip_log_weights(log_weights, self.carriers(len(log_weights))))

    def carriers(self, samples: int) -> int:
        """How many samples share the largest weight at least."""
        return max(self.min_carriers, math.isqrt(samples))

    def floor_variance(self, variance: Tensor, magnitude: Tensor) -> Tensor:
        """A proposal narrower than float steps at its location would draw one point only."""
        return torch.maximum(variance, self._rounding_variance(magnitude))

    def translation_factor(
        self, covariance: Tensor, loc: Tensor, published: tuple[float, ...]
    ) -> Tensor:
        """Cholesky factor; the standard deviations alone where there is none."""
        return self._factor(covariance, loc.abs().amax(-1))

    def steady_moment(self, moment: Tensor) -> Tensor:
        """Unchanged: the factor is guarded."""
        return moment

    def quaternion_factor(self, moment: Tensor) -> Tensor:
        """Cholesky factor; the standard deviations alone where there is none."""
        return self._factor(moment, moment.new_ones(moment.shape[:-2]))

    def _rounding_variance(self, magnitude: Tensor) -> Tensor:
        step = torch.finfo(magnitude.dtype).eps * (magnitude + 1e-6)
        return (ROUNDING_MARGIN * step).square()

    def _factor(self, covariance: Tensor, magnitude: Tensor) -> Tensor:
        diagonal = covariance.diagonal(dim1=-2, dim2=-1)
        ridge = ROUNDING_MARGIN * torch.finfo(covariance.dtype).eps * diagonal
        ridge = ridge + self._rounding_variance(magnitude).unsqueeze(-1)
        marginal = (diagonal + ridge).sqrt()
        return cholesky_or(covariance + torch.diag_embed(ridge), torch.diag_embed(marginal))


@dataclass(frozen=True)
class PublishedFit:
    """The published rules: plain softmax weights and absolute constants.

    Attributes:
        floor: of yaw variances, of one minus the squared resultant, of quaternion moments.
        ridge: of the quaternion covariance, relative to the fourth root of its determinant.
    """

    floor: float = 1e-5
    ridge: float = 1e-3

    def weights(self, log_weights: Tensor) -> Tensor:
        """Softmax of the log weights."""
        return normalized_weights(log_weights)

    def floor_variance(self, variance: Tensor, magnitude: Tensor) -> Tensor:
        """The constant floor, whatever the magnitude."""
        return variance.clamp(min=self.floor)

    def translation_factor(
        self, covariance: Tensor, loc: Tensor, published: tuple[float, ...]
    ) -> Tensor:
        """Cholesky factor; the published constant (used as a factor) where there is none."""
        return cholesky_or(
            covariance,
            torch.diag(linear.constants(published, covariance)),
        )

    def steady_moment(self, moment: Tensor) -> Tensor:
        """Adds the floor to the diagonal."""
        return moment + self.floor * _identity(moment)

    def quaternion_factor(self, moment: Tensor) -> Tensor:
        """Cholesky factor with the published ridge; the identity where there is none."""
        volume = torch.linalg.cholesky_ex(moment).L.diagonal(dim1=-2, dim2=-1).prod(-1).sqrt()
        ridge = self.ridge * volume[..., None, None] * _identity(moment)
        return cholesky_or(moment + ridge, _identity(moment))


def _identity(matrix: Tensor) -> Tensor:
    return torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
