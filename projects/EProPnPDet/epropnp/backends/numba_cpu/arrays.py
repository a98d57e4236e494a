"""Tensors of a cost as the arrays kernels read, without a copy where the layout allows it."""

import numpy as np
import torch
from torch import Tensor

from epropnp.backends import coverage
from epropnp.backends.numba_cpu.algebraic import FormArrays
from epropnp.backends.numba_cpu.projection import CostArrays
from epropnp.backends.numba_cpu.steps import Region
from epropnp.levenberg_marquardt import TrustRegion
from epropnp.linear_start import AlgebraicCost
from epropnp.manifolds import QuatPose, YawPose
from epropnp.reprojection import ReprojectionCost

DEVICES = ("cpu",)


def supported(cost: object, *tensors: Tensor) -> bool:
    """Whether kernels exist for a cost at poses, see `epropnp.backends.coverage.supported`."""
    return coverage.supported(cost, *tensors, devices=DEVICES)


def all_plain(*tensors: Tensor) -> bool:
    """Whether kernels can read tensors: of one dtype, float32 or float64, in the CPU's memory."""
    return coverage.all_plain(*tensors, devices=DEVICES)


def supported_form(cost: object, *tensors: Tensor) -> bool:
    """Likewise for the quadratic form of a linear start."""
    if type(cost) is not AlgebraicCost or torch.compiler.is_compiling():
        return False
    known = type(cost.manifold) in (YawPose, QuatPose) and cost.form.dim() == 3
    return known and all_plain(cost.form, *tensors)


def as_array(tensor: Tensor) -> np.ndarray:
    """Contiguous array of a tensor."""
    return tensor.detach().contiguous().numpy()


def cost_arrays(cost: ReprojectionCost) -> CostArrays:
    """Arrays of a cost; leading axes of its points become one."""
    arrays = [as_array(tensor) for tensor in coverage.cost_tensors(cost)]
    z_min = arrays[0].dtype.type(cost.camera.z_min)
    return CostArrays(*arrays, z_min, cost.camera.clip_jacobian)


def form_arrays(cost: AlgebraicCost) -> FormArrays:
    """Arrays of a quadratic form."""
    tilt = coverage.tilt(cost.manifold, cost.form, len(cost.form))
    return FormArrays(as_array(cost.form), as_array(tilt))


def region_numbers(region: TrustRegion, dtype: type[np.floating]) -> Region:
    """Numbers of a trust region."""
    numbers = coverage.region_numbers(region, torch.from_numpy(dtype([0])).dtype)
    return Region(*(dtype(number) for number in (*numbers, 1.0 / 3.0)))
