"""Tensors of a cost as the arrays kernels read, without a copy where the layout allows it."""

import math

import numpy as np
import torch
from torch import Tensor

from epropnp.backends.numba_cpu.algebraic import FormArrays
from epropnp.backends.numba_cpu.projection import CostArrays
from epropnp.backends.numba_cpu.steps import Region
from epropnp.camera import PerspectiveCamera
from epropnp.kernels import Huber
from epropnp.levenberg_marquardt import COST_ROUNDING, TrustRegion
from epropnp.linear_start import AlgebraicCost
from epropnp.manifolds import QuatPose, YawPose
from epropnp.reprojection import ReprojectionCost


def supported(cost: object, *tensors: Tensor) -> bool:
    """Whether kernels exist for a cost at poses: reprojection under a Huber kernel, on the CPU.

    Tensors without memory of their own (traced, transformed by `torch.func`, of the meta device)
    have none, nor have those of another type or dtype than the points of the cost.
    """
    if type(cost) is not ReprojectionCost or torch.compiler.is_compiling():
        return False
    if type(cost.kernel) is not Huber or type(cost.camera) is not PerspectiveCamera:
        return False
    if type(cost.manifold) not in (YawPose, QuatPose):
        return False
    return all(map(has_memory, _read(cost))) and all_plain(cost.points_obj, *tensors)


def _read(cost: ReprojectionCost) -> list[Tensor]:
    """The tensors of a cost that `cost_arrays` reads."""
    camera = cost.camera
    found = (camera.cam_mats, camera.lower, camera.upper, getattr(cost.manifold, "gravity", None))
    points = [cost.points_obj, cost.points_2d, cost.weights, cost.kernel.delta]
    return points + [tensor for tensor in found if tensor is not None]


def all_plain(*tensors: Tensor) -> bool:
    """Whether kernels can read tensors: of one dtype, float32 or float64, in the CPU's memory."""
    dtype = tensors[0].dtype
    return dtype in (torch.float32, torch.float64) and all(
        tensor.dtype == dtype and has_memory(tensor) for tensor in tensors
    )


def supported_form(cost: object, *tensors: Tensor) -> bool:
    """Likewise for the quadratic form of a linear start."""
    if type(cost) is not AlgebraicCost or torch.compiler.is_compiling():
        return False
    known = type(cost.manifold) in (YawPose, QuatPose) and cost.form.dim() == 3
    return known and all_plain(cost.form, *tensors)


def has_memory(tensor: Tensor) -> bool:
    """Whether a tensor has numbers that can be read here and now."""
    return (
        type(tensor) in (Tensor, torch.nn.Parameter)
        and tensor.device.type == "cpu"
        and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    )


def as_array(tensor: Tensor) -> np.ndarray:
    """Contiguous array of a tensor."""
    return tensor.detach().contiguous().numpy()


def cost_arrays(cost: ReprojectionCost) -> CostArrays:
    """Arrays of a cost; leading axes of its points become one."""
    like = cost.points_obj.detach()
    camera = cost.camera
    count = cost.points_obj.shape[-3]
    items, points = math.prod(cost.points_obj.shape[:-2]), cost.points_obj.shape[-1]
    dtype = as_array(like).dtype.type
    return CostArrays(
        as_array(cost.points_obj).reshape(items, 3, points),
        as_array(cost.points_2d).reshape(items, 2, points),
        as_array(cost.weights).reshape(items, 2, points),
        as_array(camera.cam_mats.to(like).expand(count, 3, 3)),
        _bounds(camera, like, count),
        as_array(cost.kernel.delta.to(like).expand(count)),
        _tilt(cost.manifold, like, count),
        dtype(camera.z_min),
        camera.clip_jacobian,
    )


def form_arrays(cost: AlgebraicCost) -> FormArrays:
    """Arrays of a quadratic form."""
    return FormArrays(as_array(cost.form), _tilt(cost.manifold, cost.form, len(cost.form)))


def _bounds(camera, like: Tensor, count: int) -> np.ndarray:
    """Bounds (B, 4): lowest u, v, then highest u, v."""
    if camera.lower is None:
        infinite = like.new_full((2,), torch.inf)
        return as_array(torch.cat((-infinite, infinite)).expand(count, 4))
    sides = [
        side.detach().to(like).squeeze(-1).expand(count, 2) for side in (camera.lower, camera.upper)
    ]
    return as_array(torch.cat(sides, dim=-1))


def _tilt(manifold, like: Tensor, count: int) -> np.ndarray:
    """Rotation (B, 3, 3) from the gravity-aligned to the camera frame."""
    gravity = getattr(manifold, "gravity", None)
    if gravity is None:
        gravity = torch.eye(3, dtype=like.dtype)
    return as_array(gravity.detach().to(like).mT.expand(count, 3, 3))


def region_numbers(region: TrustRegion, dtype: type[np.floating]) -> Region:
    """Numbers of a trust region."""
    limits = np.finfo(dtype)
    numbers = (
        region.min_lm_diagonal,
        min(region.max_lm_diagonal, limits.max),
        region.min_relative_decrease,
        region.initial_trust_region_radius,
        region.max_trust_region_radius,
        region.eps,
        COST_ROUNDING * limits.eps,
        1.0 / 3.0,
    )
    return Region(*(dtype(number) for number in numbers))
