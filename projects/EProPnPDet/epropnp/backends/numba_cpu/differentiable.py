"""Kernels of the differentiable Gauss-Newton step, see `epropnp.backends.differentiable`."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from epropnp.backends.coverage import POINT_LEAVES
from epropnp.backends.differentiable import StepKernels
from epropnp.backends.numba_cpu.adjoint import PointGrads
from epropnp.backends.numba_cpu.arrays import as_array, cost_arrays
from epropnp.backends.numba_cpu.compiled import Job, run
from epropnp.backends.numba_cpu.newton_step import step_gradients
from epropnp.backends.numba_cpu.normal_equations import SCRATCH, normal_equations
from epropnp.reprojection import ReprojectionCost


def zeros(record: type, like: tuple[np.ndarray, ...]) -> Any:
    """A record of arrays of zeros, of the shapes of others."""
    return record(*(np.zeros_like(array) for array in like))


def point_leaves(grads: PointGrads) -> dict[str, Tensor]:
    """Gradients by the names of the leaves they belong to."""
    return dict(zip(POINT_LEAVES, map(torch.from_numpy, grads), strict=True))


def _system(cost: ReprojectionCost, pose: Tensor) -> tuple[Tensor, Tensor]:
    arrays, dof, count = cost_arrays(cost), cost.manifold.dof, len(pose)
    value, gradient = pose.new_empty(count), pose.new_empty((count, dof))
    hessian = pose.new_empty((count, dof, dof))
    job = Job(count, count * arrays.points.shape[-1], SCRATCH, arrays.points.dtype)
    outputs = [as_array(tensor) for tensor in (value, gradient, hessian)]
    run(normal_equations, job, arrays, as_array(pose), *outputs)
    return gradient, hessian


def _gradients(
    cost: ReprojectionCost, pose: Tensor, step: Tensor, solved: Tensor
) -> dict[str, Tensor]:
    arrays = cost_arrays(cost)
    grads = zeros(PointGrads, (*arrays[:3], arrays.delta))
    job = Job(len(pose), len(pose) * arrays.points.shape[-1], 9, arrays.points.dtype)
    run(step_gradients, job, arrays, as_array(pose), as_array(step), as_array(solved), grads)
    return point_leaves(grads)


STEP_KERNELS = StepKernels(_system, _gradients)
