"""Which costs fused kernels cover, and the tensors they read, whatever compiles them."""

import math
from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor

from epropnp.camera import PerspectiveCamera
from epropnp.kernels import Huber
from epropnp.levenberg_marquardt import COST_ROUNDING, TrustRegion
from epropnp.manifolds import QuatPose, YawPose
from epropnp.reprojection import ReprojectionCost

POINT_LEAVES = ("points_obj", "points_2d", "weights", "kernel.delta")


class CostTensors(NamedTuple):
    """A reprojection cost as tensors; N is B or, for subsets of the points, a multiple of it.

    Attributes:
        points: (N, 3, n) object frame.
        pixels: (N, 2, n).
        weights: (N, 2, n).
        intrinsics: (B, 3, 3).
        bounds: (B, 4) lowest u, v and highest u, v; infinite where there are none.
        delta: (B,) Huber thresholds.
        tilt: (B, 3, 3) rotation from the gravity-aligned to the camera frame.
    """

    points: Tensor
    pixels: Tensor
    weights: Tensor
    intrinsics: Tensor
    bounds: Tensor
    delta: Tensor
    tilt: Tensor


def supported(cost: object, *tensors: Tensor, devices: Collection[str]) -> bool:
    """Whether kernels exist for a cost at poses: reprojection with a pinhole under a Huber kernel.

    Tensors without memory of their own (traced, transformed by `torch.func`, of the meta device)
    have none, nor have those of another type or dtype than the points of the cost.

    Args:
        cost: any.
        tensors: poses, and what comes with them.
        devices: types of device that kernels read.
    """
    if type(cost) is not ReprojectionCost or torch.compiler.is_compiling():
        return False
    if type(cost.kernel) is not Huber or type(cost.camera) is not PerspectiveCamera:
        return False
    if type(cost.manifold) not in (YawPose, QuatPose):
        return False
    read = all(has_memory(tensor, devices) for tensor in _read(cost))
    return read and all_plain(cost.points_obj, *tensors, devices=devices)


def _read(cost: ReprojectionCost) -> list[Tensor]:
    """The tensors of a cost that `cost_tensors` reads."""
    camera = cost.camera
    found = (camera.cam_mats, camera.lower, camera.upper, getattr(cost.manifold, "gravity", None))
    points = [cost.points_obj, cost.points_2d, cost.weights, cost.kernel.delta]
    return points + [tensor for tensor in found if tensor is not None]


def all_plain(*tensors: Tensor, devices: Collection[str]) -> bool:
    """Whether kernels can read tensors: of one dtype, float32 or float64, on some devices."""
    dtype = tensors[0].dtype
    return dtype in (torch.float32, torch.float64) and all(
        tensor.dtype == dtype and has_memory(tensor, devices) for tensor in tensors
    )


def has_memory(tensor: Tensor, devices: Collection[str]) -> bool:
    """Whether a tensor has numbers that can be read here and now."""
    return (
        type(tensor) in (Tensor, torch.nn.Parameter)
        and tensor.device.type in devices
        and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    )


def cost_tensors(cost: ReprojectionCost) -> CostTensors:
    """Tensors of a cost, detached; leading axes of its points become one."""
    like, camera = cost.points_obj.detach(), cost.camera
    count, size = like.shape[-3], like.shape[-1]
    items = math.prod(like.shape[:-2])
    return CostTensors(
        like.reshape(items, 3, size),
        cost.points_2d.detach().reshape(items, 2, size),
        cost.weights.detach().reshape(items, 2, size),
        camera.cam_mats.detach().to(like).expand(count, 3, 3),
        _bounds(camera, like, count),
        cost.kernel.delta.detach().to(like).expand(count),
        tilt(cost.manifold, like, count),
    )


def _bounds(camera: PerspectiveCamera, like: Tensor, count: int) -> Tensor:
    """Bounds (B, 4): lowest u, v, then highest u, v."""
    if camera.lower is None:
        infinite = like.new_full((2,), torch.inf)
        return torch.cat((-infinite, infinite)).expand(count, 4)
    sides = [
        side.detach().to(like).squeeze(-1).expand(count, 2) for side in (camera.lower, camera.upper)
    ]
    return torch.cat(sides, dim=-1)


def tilt(manifold: YawPose | QuatPose, like: Tensor, count: int) -> Tensor:
    """Rotation (B, 3, 3) from the gravity-aligned to the camera frame."""
    gravity = getattr(manifold, "gravity", None)
    if gravity is None:
        gravity = torch.eye(3, dtype=like.dtype, device=like.device)
    return gravity.detach().to(like).mT.expand(count, 3, 3)


def region_numbers(region: TrustRegion, dtype: torch.dtype) -> tuple[float, ...]:
    """Numbers of a trust region, in their order, and the relative rounding error of a cost."""
    limits = torch.finfo(dtype)
    return (
        region.min_lm_diagonal,
        min(region.max_lm_diagonal, limits.max),
        region.min_relative_decrease,
        region.initial_trust_region_radius,
        region.max_trust_region_radius,
        region.eps,
        COST_ROUNDING * limits.eps,
    )


def like_leaf(gradient: Tensor | None, leaf: Tensor) -> Tensor:
    """Gradient of a leaf, which several objects may share; zero where nothing depends on it."""
    if gradient is None:
        return torch.zeros_like(leaf)
    return gradient.sum_to_size(leaf.shape).to(leaf.dtype)
