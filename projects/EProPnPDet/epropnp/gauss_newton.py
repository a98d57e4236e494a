"""Gauss-Newton: the fast solver, and the one step that is differentiable.

Source: EPro-PnP (arXiv 2203.13254), section 3.3 (derivative regularisation) and the appendix on
the PnP solver.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from epropnp import linear
from epropnp.cost import PoseCost
from epropnp.levenberg_marquardt import Solution, better


@dataclass(frozen=True)
class GaussNewton:
    """Undamped steps, the rule of the fast mode; see `gauss_newton`.

    Attributes:
        keep_best: return the best pose on the way instead of the last.
    """

    keep_best: bool = True

    def minimize(self, cost: PoseCost, pose: Tensor, num_iter: int) -> Solution:
        """Run `gauss_newton`; see `epropnp.backends.StepRule`."""
        return gauss_newton(cost, pose, num_iter, self.keep_best)


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
        value, gradient, hessian = cost.normal_equations(pose)
        here = Solution(pose, value, hessian)
        best = here if best is None or not keep_best else better(best, here)
        pose = cost.manifold.retract(pose, -linear.solve(linear.damped(hessian), gradient))
    value, _, hessian = cost.normal_equations(pose)
    last = Solution(pose, value, hessian)
    if best is None:
        return last
    return better(best, last) if keep_best else last._replace(hessian=best.hessian)


def gauss_newton_step(cost: PoseCost, pose: Tensor) -> Tensor:
    """Differentiable step (..., B, D) from poses (..., B, P) towards the minimum.

    -(J^T J + 1e-5 I)^-1 J^T r, with a gradient to everything the cost depends on. At a minimum the
    step is about zero while its gradient says where the minimum would move.
    """
    _, gradient, hessian = cost.normal_equations(pose)
    return -linear.solve(linear.damped(hessian), gradient)
