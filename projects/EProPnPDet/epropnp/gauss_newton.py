"""Gauss-Newton: the fast solver, and the one step that is differentiable.

Source: EPro-PnP (arXiv 2203.13254), section 3.3 (derivative regularisation) and the appendix on
the PnP solver.
"""

import torch
from torch import Tensor

from epropnp import linear
from epropnp.cost import PoseCost
from epropnp.levenberg_marquardt import Solution


@torch.no_grad()
def gauss_newton(cost: PoseCost, pose: Tensor, num_iter: int, keep_best: bool = True) -> Solution:
    """Take undamped steps from given poses.

    Args:
        cost: cost of B objects.
        pose: (..., B, P) start.
        num_iter: number of steps.
        keep_best: return the best pose on the way, start included, with the curvature there.
            False returns the last one with the curvature of the one before, whatever its cost,
            as the published fast mode does.
    """
    best = None
    for _ in range(num_iter):
        here = _solution(cost, pose)
        best = here[0] if best is None or not keep_best else _better(best, here[0])
        pose = cost.manifold.retract(pose, -linear.solve(linear.damped(here[0].hessian), here[1]))
    last = _solution(cost, pose)[0]
    if best is None:
        return last
    return _better(best, last) if keep_best else last._replace(hessian=best.hessian)


def gauss_newton_step(cost: PoseCost, pose: Tensor) -> Tensor:
    """Differentiable step (..., B, D) from poses (..., B, P) towards the minimum.

    -(J^T J + 1e-5 I)^-1 J^T r, with a gradient to everything the cost depends on. At a minimum the
    step is about zero while its gradient says where the minimum would move.
    """
    hessian, gradient = cost.linearize(pose).normal_equations()
    return -linear.solve(linear.damped(hessian), gradient)


def _solution(cost: PoseCost, pose: Tensor) -> tuple[Solution, Tensor]:
    """Solution record at a pose, and the gradient J^T r (..., B, D) there."""
    lin = cost.linearize(pose)
    hessian, gradient = lin.normal_equations()
    return Solution(pose, lin.value, hessian), gradient


def _better(first: Solution, second: Solution) -> Solution:
    """Whichever has the lower cost, object by object; the first one if the costs do not compare."""
    wins = (second.value < first.value) | (first.value.isnan() & second.value.isfinite())
    return Solution(
        torch.where(wins.unsqueeze(-1), second.pose, first.pose),
        torch.where(wins, second.value, first.value),
        torch.where(wins[..., None, None], second.hessian, first.hessian),
    )
