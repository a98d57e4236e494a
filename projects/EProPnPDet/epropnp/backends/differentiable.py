"""The Gauss-Newton step as a function that torch can differentiate, for backends with kernels."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from epropnp import linear
from epropnp.backends.coverage import POINT_LEAVES
from epropnp.gauss_newton import gauss_newton_step
from epropnp.reprojection import ReprojectionCost


class StepKernels(NamedTuple):
    """What a backend computes of a step.

    Attributes:
        system: gradient (B, D) and Gauss-Newton matrix (B, D, D) of a cost at poses (B, P).
        gradients: of a cost at poses (B, P), with steps and solved gradients (B, D), the gradients
            by `POINT_LEAVES`, by name.
    """

    system: Callable[[ReprojectionCost, Tensor], tuple[Tensor, Tensor]]
    gradients: Callable[[ReprojectionCost, Tensor, Tensor, Tensor], dict[str, Tensor]]


def only_points_learnt(cost: ReprojectionCost) -> bool:
    """Whether no other leaf of a cost than `POINT_LEAVES` needs a gradient."""
    learnt = {name for name, leaf in cost.leaves().items() if leaf.requires_grad}
    return learnt <= set(POINT_LEAVES)


def newton_step(kernels: StepKernels, cost: ReprojectionCost, pose: Tensor) -> Tensor:
    """`gauss_newton_step` (B, D) at fixed poses (B, P), with a gradient to `POINT_LEAVES`."""
    leaves = cost.leaves()
    hollow = cost.with_leaves({name: leaf.new_empty(0) for name, leaf in leaves.items()})
    return _NewtonStep.apply(kernels, hollow, tuple(leaves), pose, *leaves.values())


class _NewtonStep(torch.autograd.Function):
    """Its forward and backward.

    ``hollow`` is the cost without its leaves, which come after the poses, in the order of their
    names; so they are kept as torch keeps saved tensors.
    """

    @staticmethod
    def forward(ctx, kernels, hollow, names, pose, *leaves):
        """Step (B, D) of the cost that the leaves fill."""
        gradient, hessian = kernels.system(_filled(hollow, names, leaves), pose)
        matrix = linear.damped(hessian)
        step = -linear.solve(matrix, gradient)
        ctx.kernels, ctx.hollow, ctx.names = kernels, hollow, names
        ctx.save_for_backward(pose, step, matrix, *leaves)
        return step

    @staticmethod
    def backward(ctx, grad):
        """Gradients of the leaves that need one."""
        pose, step, matrix, *leaves = ctx.saved_tensors
        cost = _filled(ctx.hollow, ctx.names, leaves)
        wanted = [n for n, need in zip(ctx.names, ctx.needs_input_grad[4:], strict=True) if need]
        if torch.is_grad_enabled():  # to be differentiated once more
            found = _eager_gradient(cost, pose, grad, wanted)
        else:
            found = ctx.kernels.gradients(cost, pose, step, linear.solve(matrix, grad))
        return None, None, None, None, *(found.get(n) if n in wanted else None for n in ctx.names)


def _filled(hollow: ReprojectionCost, names: tuple[str, ...], leaves: Any) -> ReprojectionCost:
    return hollow.with_leaves(dict(zip(names, leaves, strict=True)))


def _eager_gradient(
    cost: ReprojectionCost, pose: Tensor, grad: Tensor, names: list[str]
) -> dict[str, Tensor]:
    leaves = cost.leaves()

    def step(chosen: dict[str, Tensor]) -> Tensor:
        return gauss_newton_step(cost.with_leaves(chosen), pose)

    _, pull_back = torch.func.vjp(step, {name: leaves[name] for name in names})
    return pull_back(grad)[0]
