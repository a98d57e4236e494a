"""The gradient of a minimum by the implicit function theorem.

Where the gradient g of a cost by a tangent step is zero, the minimum follows a change of the leaves
with -H^-1 dg, H being the second derivative of the cost. Other than one Gauss-Newton step
(`gauss_newton.gauss_newton_step`), whose curvature J^T J leaves out how residuals bend and what a
robust kernel does, this is the exact derivative of the solution, and the pose is not moved.

Source: EPro-PnP (arXiv 2203.13254), section 2, on differentiating the solution of PnP.
"""

import torch
from torch import Tensor

from epropnp import linear
from epropnp.cost import PoseCost


def implicit_pose(cost: PoseCost, pose: Tensor) -> Tensor:
    """The same poses, with the gradient of the minimum to the leaves of the cost.

    Where the second derivative is not positive definite, as at a pose that is no minimum, J^T J
    takes its place, and where that is singular the gradient is zero.

    Args:
        cost: cost of B objects.
        pose: (B, P) minimum; no gradient passes through it.

    Raises:
        RuntimeError: in the backward, if a graph of it is asked for.
    """
    pose = pose.detach()
    gauss_newton = cost.normal_equations(pose)
    exact = linear.damped(second_derivative(cost, pose))
    _, definite = linear.factorize(exact)
    rough = linear.damped(gauss_newton.hessian.detach())
    factor, solved = linear.factorize(torch.where(definite[..., None, None], exact, rough))
    step = _ImplicitStep.apply(gauss_newton.gradient, factor, solved)
    return cost.manifold.retract(pose, step)


def second_derivative(cost: PoseCost, pose: Tensor) -> Tensor:
    """Second derivative (B, D, D) of the cost by a tangent step at poses (B, P), no gradient.

    Exact at a minimum; elsewhere it depends on how poses are moved along a step.
    """
    fixed = cost.with_leaves({name: leaf.detach() for name, leaf in cost.leaves().items()})
    with torch.enable_grad():
        step = pose.new_zeros((*pose.shape[:-1], cost.manifold.dof), requires_grad=True)
        gradient = fixed.normal_equations(cost.manifold.retract(pose.detach(), step)).gradient
        rows = [
            torch.autograd.grad(column.sum(), step, retain_graph=True)[0]
            for column in gradient.unbind(-1)
        ]
    matrix = torch.stack(rows, dim=-2)
    return 0.5 * (matrix + matrix.mT)


class _ImplicitStep(torch.autograd.Function):
    """A step of zero that depends on the gradient of the cost as -H^-1 of it."""

    @staticmethod
    def forward(gradient, factor, solved):
        return torch.zeros_like(gradient)

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, factor, solved = inputs
        ctx.save_for_backward(factor, solved)

    @staticmethod
    def backward(ctx, grad):
        if torch.is_grad_enabled():
            raise RuntimeError(
                "the implicit gradient of a pose cannot be differentiated again; use "
                "gauss_newton_step for a second derivative"
            )
        factor, solved = ctx.saved_tensors
        step = -linear.substituted(factor, grad.unsqueeze(-1)).squeeze(-1)
        return torch.where(solved.unsqueeze(-1), step, 0.0), None, None
