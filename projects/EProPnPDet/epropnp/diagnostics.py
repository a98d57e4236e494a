"""Whether the numbers of an object can be trusted: one record and one rule for solver and sampler.

The rule, `Diagnostics.trusted`: the solver arrived at a minimum, at least half of the points are
seen by it, and the importance weights have no tail too heavy for their number nor too few samples
that carry them.

Source: Vehtari, Simpson, Gelman, Yao and Gabry, "Pareto smoothed importance sampling" (JMLR 2024),
with the fit of Zhang and Stephens, "A new and efficient estimation method for the generalized
Pareto distribution" (Technometrics 51, 2009).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from epropnp import linear
from epropnp.arguments import check_floating, check_tensor
from epropnp.cost import NormalEquations, PoseCost

CONVERGED = 0.1  # standard deviations from the minimum; moves no read-out visibly
MIN_EFFECTIVE = 30.0  # samples; the log evidence then has a standard error of 0.18 nats
MAX_CLIPPED = 0.5  # share of points
MIN_TAIL = 5  # weights; fewer say nothing about a tail
PRIOR_WEIGHT = 10.0  # samples that the prior 0.5 of the tail index is worth (Vehtari, appendix G)


class Diagnostics(NamedTuple):
    """How well B objects were solved and sampled.

    Attributes:
        distance_to_minimum: (B,) length of the step that Gauss and Newton would still take, in
            standard deviations of the Laplace approximation.
        clipped_share: (B,) share of the points that are behind the camera or far out of the image
            at the solution, and so say nothing about where to go.
        effective_sample_size: (B,) independent samples the weighted ones are worth, 1 to S; None
            if nothing was sampled, as the next.
        pareto_k: (B,) index of the tail of the weights, see `pareto_k`. Moments of the weights
            above 1 / k do not exist: from 0.5 on estimates converge slowly, from 0.7 on hardly.
        num_samples: S.
    """

    distance_to_minimum: Tensor
    clipped_share: Tensor
    effective_sample_size: Tensor | None = None
    pareto_k: Tensor | None = None
    num_samples: int = 0

    @property
    def converged(self) -> Tensor:
        """Mask (B,): less than a tenth of a standard deviation from the minimum."""
        return self.distance_to_minimum < CONVERGED

    @property
    def trusted(self) -> Tensor:
        """Mask (B,) of the objects whose mode, covariance and sampled numbers can be used.

        Converged; not more than half of the points clipped; an effective sample size of 30 at
        least; and a tail index below ``min(1 - 1 / log10(S), 0.7)``, the limit for S samples of
        Vehtari and others. NaN is not trusted. The weights cannot know of a mode that no sample
        has found: solve from several starts where an object may be ambiguous.
        """
        solved = self.converged & (self.clipped_share <= MAX_CLIPPED)
        if self.effective_sample_size is None:
            return solved
        enough = self.effective_sample_size >= MIN_EFFECTIVE
        return solved & enough & (self.pareto_k < pareto_k_limit(self.num_samples))

    def with_weights(self, log_weights: Tensor) -> "Diagnostics":
        """The same with what the log weights (S, B) of samples say."""
        log_weights = log_weights.detach()
        return self._replace(
            effective_sample_size=effective_sample_size(log_weights),
            pareto_k=pareto_k(log_weights),
            num_samples=len(log_weights),
        )


@torch.no_grad()
def diagnose(cost: PoseCost, pose: Tensor) -> Diagnostics:
    """Diagnostics of solutions (B, P) of a cost, without samples."""
    return Diagnostics(distance_to_minimum(cost.normal_equations(pose)), clipped_share(cost, pose))


def clipped_share(cost: PoseCost, pose: Tensor) -> Tensor:
    """Share (B,) of the points with a weight that are clipped at poses (B, P).

    Zero for a cost without a camera, which has no method ``clipped``.
    """
    if not hasattr(cost, "clipped"):
        return torch.zeros_like(pose[..., 0])
    clipped, total = cost.clipped(pose)
    return clipped / total.clamp(min=1)


def effective_sample_size(log_weights: Tensor) -> Tensor:
    """What samples with unnormalised log weights (S, B) are worth: (B,), zero if nothing weighs."""
    check_tensor("log_weights", log_weights, ("samples", "objects"))
    check_floating("log_weights", log_weights)
    log_sum = log_weights.logsumexp(0)
    usable = log_sum.isfinite()
    normalized = torch.where(usable, log_weights - torch.where(usable, log_sum, 0.0), -math.inf)
    square = (2.0 * normalized).exp().sum(0)
    return torch.where(usable, square.clamp(min=torch.finfo(square.dtype).tiny).reciprocal(), 0.0)


def pareto_k_limit(num_samples: int) -> float:
    """Tail index above which importance weights of this many samples are not reliable."""
    return min(1.0 - 1.0 / math.log10(max(num_samples, 2)), 0.7)


def pareto_k(log_weights: Tensor) -> Tensor:
    """Index of a generalised Pareto distribution fitted to the largest importance weights.

    The ``min(S / 5, 3 sqrt(S))`` largest weights are taken relative to the next one.

    Args:
        log_weights: (S, B) unnormalised log weights; those that are not finite weigh nothing.

    Returns:
        (B,) tail index k, the heavier the larger. Minus infinity if all of the tail is equal: it
        has an end. NaN if there are too few samples (below 21), or fewer weights above zero.
    """
    check_tensor("log_weights", log_weights, ("samples", "objects"))
    check_floating("log_weights", log_weights)
    num = len(log_weights)
    tail = math.ceil(min(0.2 * num, 3.0 * math.sqrt(num)))
    if tail < MIN_TAIL:
        return log_weights.new_full(log_weights.shape[1:], math.nan)
    log_weights = torch.where(log_weights.isfinite(), log_weights, -math.inf)
    top = log_weights.topk(tail + 1, dim=0).values
    scaled = (top - top[0]).exp()
    # weights below the smallest normal number relative to the largest count as that number
    scaled = scaled.clamp(min=torch.finfo(scaled.dtype).tiny)
    excess = (scaled[:-1] - scaled[-1]).flip(0)
    k, _ = fit_generalized_pareto(excess)
    k = (tail * k + 0.5 * PRIOR_WEIGHT) / (tail + PRIOR_WEIGHT)
    k = torch.where(excess[-1] > 0, k, -math.inf)
    return torch.where(top[-1].isfinite(), k, math.nan)


def fit_generalized_pareto(excess: Tensor) -> tuple[Tensor, Tensor]:
    """Shape k and scale s (B,) of a generalised Pareto tail: P(X > x) = (1 + k x / s)^(-1 / k).

    The estimate of Zhang and Stephens: the mean of theta = -k / s under its profile likelihood
    on a grid with a weak prior from the quartile, then k by maximum likelihood.

    Args:
        excess: (M, B) draws in rising order, not negative.
    """
    num = len(excess)
    size = 30 + math.isqrt(num)
    tiny = torch.finfo(excess.dtype).tiny
    largest = excess[-1].clamp(min=tiny)
    quartile = excess[int(num / 4.0 + 0.5) - 1].clamp(min=tiny)
    steps = torch.arange(1, size + 1, dtype=excess.dtype, device=excess.device).unsqueeze(-1)
    theta = 1.0 / largest + (1.0 - (size / (steps - 0.5)).sqrt()) / (3.0 * quartile)

    profile = num * _profile(theta, excess)
    share = torch.where(profile.isfinite(), profile, -math.inf).softmax(0)
    theta = torch.where(share > 0, share * theta, 0.0).sum(0)
    k = torch.log1p(-theta * excess).mean(0)
    return k, -k / theta


def distance_to_minimum(equations: NormalEquations) -> Tensor:
    """Length (B,) of the Gauss-Newton step in its own standard deviations, from `NormalEquations`.

    The square root of g^T H^-1 g: half its square is the fall of the cost that is left, in nats.
    Infinite where H has no inverse.
    """
    gradient = equations.gradient
    factor, solved = linear.factorize(linear.damped(equations.hessian))
    step = linear.substituted(factor, gradient.unsqueeze(-1)).squeeze(-1)
    length = (gradient * step).sum(-1).clamp(min=0.0).sqrt()
    return torch.where(solved, length, math.inf)


def _profile(theta: Tensor, excess: Tensor) -> Tensor:
    """Mean log likelihood (T, B) of draws (M, B) for each theta (T, B), at its best k."""
    k = torch.log1p(-theta.unsqueeze(1) * excess).mean(1)
    return torch.log(-theta / k) - k - 1.0
