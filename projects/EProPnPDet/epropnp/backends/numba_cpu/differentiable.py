"""The Gauss-Newton step as a function that torch can differentiate."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from epropnp import linear
from epropnp.backends.coverage import POINT_LEAVES
from epropnp.backends.numba_cpu.adjoint import PointGrads
from epropnp.backends.numba_cpu.arrays import as_array, cost_arrays
from epropnp.backends.numba_cpu.compiled import Job, run
from epropnp.backends.numba_cpu.newton_step import step_gradients
from epropnp.backends.numba_cpu.normal_equations import SCRATCH, normal_equations
from epropnp.gauss_newton import gauss_newton_step
from epropnp.reprojection import ReprojectionCost


def zeros(record: type, like: tuple[np.ndarray, ...]) -> Any:
    """A record of arrays of zeros, of the shapes of others."""
    return record(*(np.zeros_like(array) for array in like))


def point_leaves(grads: PointGrads) -> dict[str, Tensor]:
    """Gradients by the names of the leaves they belong to."""
    return dict(zip(POINT_LEAVES, map(torch.from_numpy, grads), strict=True))


class NewtonStep(torch.autograd.Function):
    """`gauss_newton_step` at fixed poses (B, P), with a gradient to `POINT_LEAVES`.

    ``hollow`` is the cost without its leaves, which come after the poses, in the order of their
    names; so they are kept as torch keeps saved tensors.
    """

    @staticmethod
    def forward(ctx, hollow, names, pose, *leaves):
        """Step (B, D) of the cost that the leaves fill."""
        cost = _filled(hollow, names, leaves)
        arrays, dof, count = cost_arrays(cost), hollow.manifold.dof, len(pose)
        value, gradient = pose.new_empty(count), pose.new_empty((count, dof))
        hessian = pose.new_empty((count, dof, dof))
        job = Job(count, count * arrays.points.shape[-1], SCRATCH, arrays.points.dtype)
        outputs = [as_array(tensor) for tensor in (value, gradient, hessian)]
        run(normal_equations, job, arrays, as_array(pose), *outputs)
        matrix = linear.damped(hessian)
        step = -linear.solve(matrix, gradient)
        ctx.hollow, ctx.names = hollow, names
        ctx.save_for_backward(pose, step, matrix, *leaves)
        return step

    @staticmethod
    def backward(ctx, grad):
        """Gradients of the leaves that need one."""
        pose, step, matrix, *leaves = ctx.saved_tensors
        cost = _filled(ctx.hollow, ctx.names, leaves)
        wanted = [n for n, need in zip(ctx.names, ctx.needs_input_grad[3:], strict=True) if need]
        if torch.is_grad_enabled():  # to be differentiated once more
            found = _eager_gradient(cost, pose, grad, wanted)
        else:
            found = _gradient(cost, pose, step, linear.solve(matrix, grad))
        return None, None, None, *(found.get(n) if n in wanted else None for n in ctx.names)


def _filled(hollow: ReprojectionCost, names: tuple[str, ...], leaves: Any) -> ReprojectionCost:
    return hollow.with_leaves(dict(zip(names, leaves, strict=True)))


def _gradient(
    cost: ReprojectionCost, pose: Tensor, step: Tensor, solved: Tensor
) -> dict[str, Tensor]:
    """Gradients for an incoming gradient that was solved with the damped matrix."""
    arrays = cost_arrays(cost)
    grads = zeros(PointGrads, (*arrays[:3], arrays.delta))
    job = Job(len(pose), len(pose) * arrays.points.shape[-1], 9, arrays.points.dtype)
    run(step_gradients, job, arrays, as_array(pose), as_array(step), as_array(solved), grads)
    return point_leaves(grads)


def _eager_gradient(
    cost: ReprojectionCost, pose: Tensor, grad: Tensor, names: list[str]
) -> dict[str, Tensor]:
    leaves = cost.leaves()

    def step(chosen: dict[str, Tensor]) -> Tensor:
        return gauss_newton_step(cost.with_leaves(chosen), pose)

    _, pull_back = torch.func.vjp(step, {name: leaves[name] for name in names})
    return pull_back(grad)[0]
