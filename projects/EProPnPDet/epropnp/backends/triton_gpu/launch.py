"""From tensors to launches of kernels on the device where they lie.

An empty grid launches nothing.
"""

import math
from typing import NamedTuple

import torch
import triton
from torch import Tensor
from triton.runtime import JITFunction

from epropnp.backends import coverage
from epropnp.backends.differentiable import StepKernels
from epropnp.backends.triton_gpu import minimize as kernels
from epropnp.backends.triton_gpu import newton_step, sample_cost
from epropnp.backends.triton_gpu.projection import Points
from epropnp.backends.triton_gpu.steps import Region
from epropnp.levenberg_marquardt import Solution, TrustRegion
from epropnp.reprojection import ReprojectionCost

INTERPRETED = not isinstance(kernels.minimize, JITFunction)  # TRITON_INTERPRET=1
DEVICES = ("cuda", "cpu") if INTERPRETED else ("cuda",)
WARP = 32
FEW_POINTS = 128  # that one warp takes, several each; more are spread over four
TILE = (16, 32)  # poses times points that four warps evaluate at once


class CostMemory(NamedTuple):
    """What kernels read of a cost, all of it contiguous.

    Attributes:
        points: correspondences.
        views: (B, 24), see `read_view`.
        sizes: numbers of objects, problems and points.
    """

    points: Points
    views: Tensor
    sizes: kernels.Sizes


def cost_memory(cost: ReprojectionCost) -> CostMemory:
    """Memory of a cost; leading axes of its points become one."""
    found = coverage.cost_tensors(cost)
    points = Points(*(tensor.contiguous() for tensor in found[:3]))
    count = len(found.delta)
    nearest = found.delta.new_full((count, 1), cost.camera.z_min)
    numbers = (found.intrinsics, found.bounds, found.delta.unsqueeze(-1), found.tilt, nearest)
    views = torch.cat([tensor.flatten(1) for tensor in numbers], dim=-1)
    return CostMemory(
        points, views, kernels.Sizes(count, len(points.points), points.points.shape[-1])
    )


def minimize(cost: ReprojectionCost, pose: Tensor, num_iter: int, region: TrustRegion) -> Solution:
    """Minimum next to each of the poses (..., B, P), of the batch shape of the cost."""
    memory, shape, dof = cost_memory(cost), pose.shape[:-1], cost.manifold.dof
    starts = pose.detach().contiguous()
    out = kernels.Minima(
        torch.empty_like(starts), pose.new_empty(shape), pose.new_empty((*shape, dof, dof))
    )
    warps, setting = _setting(cost)
    numbers = Region(*coverage.region_numbers(region, pose.dtype))
    with torch.cuda.device_of(starts):
        kernels.minimize[(math.prod(shape),)](
            memory.points, memory.views, starts, memory.sizes, num_iter, out, numbers, setting,
            num_warps=warps,
        )  # fmt: skip
    return Solution(*out)


def system(cost: ReprojectionCost, pose: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient (B, D) and Gauss-Newton matrix (B, D, D) at poses (B, P)."""
    memory, dof = cost_memory(cost), cost.manifold.dof
    warps, setting = _setting(cost)
    at, count = pose.detach().contiguous(), len(pose)
    out = newton_step.System(pose.new_empty((count, dof)), pose.new_empty((count, dof, dof)))
    with torch.cuda.device_of(at):
        newton_step.normal_equations[(count,)](
            memory.points, memory.views, at, memory.sizes, out, setting, num_warps=warps
        )
    return out


def step_gradients(
    cost: ReprojectionCost, pose: Tensor, step: Tensor, solved: Tensor
) -> dict[str, Tensor]:
    """Gradients of a step at poses (B, P) by `POINT_LEAVES`, see `newton_step`."""
    memory, (warps, setting) = cost_memory(cost), _setting(cost)
    at = newton_step.At(*(tensor.detach().contiguous() for tensor in (pose, step, solved)))
    out, grid = _point_grads(memory, setting.block)
    with torch.cuda.device_of(at.poses):
        newton_step.step_gradients[grid](
            memory.points, memory.views, at, memory.sizes, out, setting, num_warps=warps
        )
    return _by_name(out)


STEP_KERNELS = StepKernels(system, step_gradients)


def sample_values(cost: ReprojectionCost, poses: Tensor) -> Tensor:
    """Costs (S, B) at poses (S, B, P)."""
    memory, out = cost_memory(cost), poses.new_empty(poses.shape[:2])
    tile = sample_cost.Tile(cost.manifold.dof, *TILE)
    grid = (out.shape[1], triton.cdiv(out.shape[0], tile.poses))
    at = poses.detach().contiguous()
    with torch.cuda.device_of(at):
        sample_cost.sample_values[grid](
            memory.points, memory.views, at, memory.sizes, len(at), out, tile, num_warps=4
        )
    return out


def point_gradients(cost: ReprojectionCost, poses: Tensor, seeds: Tensor) -> dict[str, Tensor]:
    """Gradients of ``sum(seeds * cost)`` at poses (S, B, P), seeds (S, B), by `POINT_LEAVES`."""
    memory = cost_memory(cost)
    tile = sample_cost.Tile(cost.manifold.dof, *TILE)
    out, grid = _point_grads(memory, tile.points)
    at, seeds = poses.detach().contiguous(), seeds.detach().contiguous()
    with torch.cuda.device_of(at):
        sample_cost.point_gradients[grid](
            memory.points, memory.views, at, seeds, memory.sizes, len(at), out, tile, num_warps=4
        )
    return _by_name(out)


def _setting(cost: ReprojectionCost) -> tuple[int, kernels.Setting]:
    """Warps of a program that runs over the points of a problem, and what it is compiled for."""
    warps = 1 if cost.points_obj.shape[-1] <= FEW_POINTS else 4
    return warps, kernels.Setting(cost.manifold.dof, cost.camera.clip_jacobian, warps * WARP)


def _point_grads(memory: CostMemory, block: int) -> tuple[sample_cost.PointGrads, tuple[int, int]]:
    """Memory for gradients, and the grid of the programs that write them, a tile of points each."""
    grid = (memory.sizes.objects, triton.cdiv(memory.sizes.points, block))
    delta = memory.views.new_empty(grid)
    return sample_cost.PointGrads(*map(torch.empty_like, memory.points), delta), grid


def _by_name(grads: sample_cost.PointGrads) -> dict[str, Tensor]:
    grads = grads._replace(delta=grads.delta.sum(1))
    return dict(zip(coverage.POINT_LEAVES, grads, strict=True))
