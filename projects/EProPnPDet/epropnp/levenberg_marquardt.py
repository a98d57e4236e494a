"""Levenberg-Marquardt with a trust region per object.

The minimum is found without gradients; `gauss_newton.gauss_newton_step` then gives the one
differentiable step that training needs. Source: EPro-PnP (arXiv 2203.13254), appendix on the PnP
solver; the trust region follows the Ceres solver.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from epropnp import linear
from epropnp.cost import PoseCost

COST_ROUNDING = 4.0  # a cost is known to about this many units of rounding


class Solution(NamedTuple):
    """Result of a solver.

    Attributes:
        pose_opt: (..., B, P) minimum.
        cost: (..., B) at `pose_opt`.
        hessian: (..., B, D, D) Gauss-Newton approximation J^T J at `pose_opt`.
    """

    pose_opt: Tensor
    cost: Tensor
    hessian: Tensor

    def covariance(self) -> tuple[Tensor, Tensor]:
        """Laplace covariance (..., B, D, D) of a tangent step, and a mask where it exists."""
        return linear.inverse(linear.damped(self.hessian))


def better(first: Solution, second: Solution) -> Solution:
    """Whichever has the lower cost, object by object; the first one if the costs do not compare."""
    wins = (second.cost < first.cost) | (first.cost.isnan() & second.cost.isfinite())
    return Solution(
        torch.where(wins.unsqueeze(-1), second.pose_opt, first.pose_opt),
        torch.where(wins, second.cost, first.cost),
        torch.where(wins[..., None, None], second.hessian, first.hessian),
    )


@dataclass(frozen=True)
class TrustRegion:
    """How far a step may go, and how that adapts (the defaults of Ceres).

    Attributes:
        min_lm_diagonal: lower clamp of the diagonal that scales the damping.
        max_lm_diagonal: upper clamp.
        min_relative_decrease: a step is taken if the cost falls by this share of the prediction.
        initial_trust_region_radius: inverse of the damping of the first step.
        max_trust_region_radius: upper clamp of the radius.
        eps: absolute damping, and lower clamp of the radius.
    """

    min_lm_diagonal: float = 1e-6
    max_lm_diagonal: float = 1e32
    min_relative_decrease: float = 1e-3
    initial_trust_region_radius: float = 30.0
    max_trust_region_radius: float = 1e16
    eps: float = 1e-5

    def minimize(self, cost: PoseCost, pose: Tensor, num_iter: int) -> Solution:
        """Run `levenberg_marquardt`; see `epropnp.backends.StepRule`."""
        return levenberg_marquardt(cost, pose, num_iter, self)

    def damped(self, hessian: Tensor, radius: Tensor) -> Tensor:
        """Matrix (..., D, D) of the damped normal equations."""
        diagonal = hessian.diagonal(dim1=-2, dim2=-1)
        upper = min(self.max_lm_diagonal, torch.finfo(hessian.dtype).max)
        scale = diagonal.clamp(self.min_lm_diagonal, upper)
        return hessian + torch.diag_embed(scale / radius.unsqueeze(-1) + self.eps)

    def resize(self, radius: Tensor, shrink: Tensor, gain: Tensor, accepted: Tensor) -> Tensor:
        """Next radius (..., B) after a step with the ratio ``gain`` of actual to predicted fall."""
        grown = radius / (1.0 - (2.0 * gain - 1.0) ** 3).clamp(min=1.0 / 3.0)
        radius = torch.where(accepted, grown, radius).clamp(self.eps, self.max_trust_region_radius)
        return torch.where(accepted, radius, radius / shrink)


@torch.no_grad()
def levenberg_marquardt(
    cost: PoseCost, pose: Tensor, num_iter: int, trust_region: TrustRegion | None = None
) -> Solution:
    """Minimise a cost from given poses; objects neither wait for nor influence each other.

    A step whose cost or prediction is not finite, or whose system has no solution, is rejected.
    A step too small for the cost to show its effect is taken, other than published: close to the
    minimum the difference of two rounded costs is noise, while the step itself is accurate. In
    float32 this brings poses from within about 1e-3 of the float64 ones to 2e-5.

    Args:
        cost: cost of B objects.
        pose: (..., B, P) start, of the batch shape of the cost.
        num_iter: steps tried; there is no early stop, which would make the host wait.
        trust_region: step control.
    """
    region = trust_region or TrustRegion()
    value, gradient, hessian = cost.normal_equations(pose)
    radius = torch.full_like(value, region.initial_trust_region_radius)
    shrink = torch.full_like(value, 2.0)
    for _ in range(num_iter):
        step = -linear.solve(region.damped(hessian, radius), gradient)
        candidate = cost.manifold.retract(pose, step)
        trial = cost.normal_equations(candidate)

        curved = 0.5 * linear.apply(hessian, step)
        predicted = -(step * (curved + gradient)).sum(-1)
        gain = _gain(value, trial.value, predicted)
        accepted = (gain >= region.min_relative_decrease) & (predicted > 0)

        pose = torch.where(accepted.unsqueeze(-1), candidate, pose)
        value = torch.where(accepted, trial.value, value)
        gradient = torch.where(accepted.unsqueeze(-1), trial.gradient, gradient)
        hessian = torch.where(accepted[..., None, None], trial.hessian, hessian)
        radius = region.resize(radius, shrink, gain, accepted)
        shrink = torch.where(accepted, torch.full_like(shrink, 2.0), 2.0 * shrink)
    return Solution(pose, value, hessian)


def _gain(value: Tensor, trial: Tensor, predicted: Tensor) -> Tensor:
    """Ratio (..., B) of actual to predicted fall of the cost; one if rounding hides both."""
    rounding = COST_ROUNDING * torch.finfo(value.dtype).eps * value
    hidden = (predicted <= rounding) & (trial <= value + rounding)
    return torch.where(hidden, torch.ones_like(value), (value - trial) / predicted)
