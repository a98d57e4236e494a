"""The backend on compiled kernels; whatever has no kernel goes to the eager reference."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from epropnp.backends.coverage import POINT_LEAVES, like_leaf
from epropnp.backends.differentiable import newton_step, only_points_learnt
from epropnp.backends.eager import EagerBackend
from epropnp.backends.numba_cpu import adjoint, lanes, minimize, subsets
from epropnp.backends.numba_cpu import proposals as kernels
from epropnp.backends.numba_cpu.algebraic import quadratic_forms
from epropnp.backends.numba_cpu.arrays import (
    all_plain,
    as_array,
    cost_arrays,
    form_arrays,
    region_numbers,
    supported,
    supported_form,
)
from epropnp.backends.numba_cpu.compiled import Job, run
from epropnp.backends.numba_cpu.differentiable import STEP_KERNELS, point_leaves, zeros
from epropnp.backends.numba_cpu.sample_cost import MAP, sample_values
from epropnp.backends.protocol import StepRule
from epropnp.cost import PoseCost, SubsetCost
from epropnp.levenberg_marquardt import Solution, TrustRegion
from epropnp.mixture import Mixture
from epropnp.proposals import (
    Proposal,
    ProposalFamily,
    QuaternionPoseProposal,
    YawPoseProposal,
)
from epropnp.rounds import Schedule, WeightedPoses

WORK_PER_DRAW = 4  # point evaluations that take as long as a draw


@dataclass(frozen=True)
class NumbaBackend(EagerBackend):
    """Kernels for reprojection costs under a Huber kernel, on the CPU, in float32 or float64.

    Results are those of `EagerBackend` but for the order of sums. Other costs, other devices, and
    calls that are traced or differentiated twice take the eager way.
    """

    def minimize(self, cost: PoseCost, pose: Tensor, num_iter: int, rule: StepRule) -> Solution:
        """See `Backend.minimize`; Levenberg-Marquardt steps have a kernel."""
        dof = cost.manifold.dof
        if type(rule) is TrustRegion and supported(cost, pose):
            arrays = cost_arrays(cost)
            kernel, size = minimize.MINIMIZE[dof], arrays.points.shape[-1]
        elif type(rule) is TrustRegion and supported_form(cost, pose):
            arrays = form_arrays(cost)
            kernel, size = minimize.MINIMIZE_FORM[dof], cost.num_residuals
        else:
            return super().minimize(cost, pose, num_iter, rule)
        shape = pose.shape[:-1]
        found = torch.empty_like(pose, memory_format=torch.contiguous_format)
        value, hessian = pose.new_empty(shape), pose.new_empty((*shape, dof, dof))
        starts = as_array(pose).reshape(math.prod(shape), pose.shape[-1])
        work = len(starts) * size * (num_iter + 1)
        run(
            kernel,
            Job(len(starts), work, minimize.SCRATCH, starts.dtype),
            arrays,
            starts,
            num_iter,
            region_numbers(rule, starts.dtype.type),
            as_array(found).reshape(starts.shape),
            as_array(value).reshape(len(starts)),
            as_array(hessian).reshape(len(starts), dof, dof),
        )
        return Solution(found, value, hessian)

    def minimize_subsets(
        self, cost: SubsetCost, index: Tensor, pose: Tensor, num_iter: int, rule: StepRule
    ) -> Tensor:
        """See `Backend.minimize_subsets`; Levenberg-Marquardt steps have a kernel."""
        if type(rule) is not TrustRegion or not supported(cost, pose):
            return super().minimize_subsets(cost, index, pose, num_iter, rule)
        arrays, starts = cost_arrays(cost), as_array(pose)
        found = torch.empty_like(pose, memory_format=torch.contiguous_format)
        problems, points = math.prod(index.shape[:2]), index.shape[2]
        blocks = -(-problems // lanes.LANES)
        work = blocks * points * lanes.LANES * (num_iter + 1)
        run(
            lanes.MINIMIZE_SUBSETS[cost.manifold.dof],
            Job(blocks, work, lanes.scratch_size(points), starts.dtype),
            arrays,
            as_array(index),
            starts,
            num_iter,
            region_numbers(rule, starts.dtype.type),
            as_array(found),
        )
        return found

    def algebraic_form(
        self, points: Tensor, residuals: Tensor, scales: Tensor, planar: Tensor
    ) -> Tensor:
        """See `Backend.algebraic_form`."""
        tensors = (points, residuals, scales, planar)
        if points.dim() != 3 or not _readable(*tensors):
            return super().algebraic_form(*tensors)
        out = points.new_zeros((len(points), 12, 12))
        job = Job(len(points), 8 * points.numel(), 1, as_array(out).dtype)
        run(quadratic_forms, job, *map(as_array, tensors), as_array(out))
        return out

    def values(self, cost: PoseCost, poses: Tensor) -> Tensor:
        """See `Backend.values`."""
        if not supported(cost, poses):
            return super().values(cost, poses)
        arrays, out = cost_arrays(cost), poses.new_empty(poses.shape[:2])
        samples, objects = out.shape
        work = samples * objects * arrays.points.shape[-1]
        size = (MAP + 1 + poses.shape[2]) * samples
        job = Job(objects, work, size, arrays.points.dtype)
        run(sample_values, job, arrays, as_array(poses), as_array(out))
        return out

    def weighted_gradient(
        self, cost: PoseCost, poses: Tensor, weights: Tensor, names: list[str]
    ) -> dict[str, Tensor]:
        """See `PoseCost.weighted_gradient`."""
        if torch.is_grad_enabled() or not supported(cost, poses, weights):
            return super().weighted_gradient(cost, poses, weights, names)
        leaves = cost.leaves()
        arrays, at, seeds = cost_arrays(cost), as_array(poses), as_array(weights)
        work = weights.numel() * arrays.points.shape[-1]
        found = {}
        if set(names) & set(POINT_LEAVES):
            grads = zeros(adjoint.PointGrads, (*arrays[:3], arrays.delta))
            job = Job(len(arrays.delta), work, adjoint.POINT_SCRATCH, at.dtype)
            run(adjoint.point_gradients, job, arrays, at, seeds, grads)
            found = point_leaves(grads)
        if not set(names) <= set(POINT_LEAVES):
            grads = zeros(adjoint.CameraGrads, (arrays.intrinsics, arrays.tilt, arrays.bounds))
            job = Job(len(arrays.delta), work, adjoint.CAMERA_SCRATCH, at.dtype)
            run(adjoint.camera_gradients, job, arrays, at, seeds, grads)
            found.update(_camera_leaves(grads))
        return {name: like_leaf(found.get(name), leaves[name]) for name in names}

    def newton_step(self, cost: PoseCost, pose: Tensor) -> Tensor:
        """See `Backend.newton_step`."""
        if pose.requires_grad or not supported(cost, pose) or not only_points_learnt(cost):
            return super().newton_step(cost, pose)
        return newton_step(STEP_KERNELS, cost, pose)

    def distinct_draws(self, chance: Tensor, draws: Tensor, race: Tensor, count: int) -> Tensor:
        """See `Backend.distinct_draws`."""
        if not _readable(chance, draws, race):
            return super().distinct_draws(chance, draws, race, count)
        chosen = torch.empty((len(draws), len(chance), count), dtype=torch.int64)
        inputs = [as_array(tensor) for tensor in (chance, chance.cumsum(-1), draws, race)]
        work = draws.numel() * WORK_PER_DRAW
        points = chance.shape[-1]
        guides = chance.new_empty((len(chance), subsets.guide_size(points)))
        job = Job(len(chance), work, 2 * points, inputs[0].dtype)
        run(subsets.distinct_draws, job, *inputs, as_array(guides), as_array(chosen))
        return chosen

    def weighted_poses(
        self,
        cost: PoseCost,
        first: Mixture,
        schedule: Schedule,
        generator: torch.Generator | None,
    ) -> WeightedPoses:
        """See `Backend.weighted_poses`; rounds that begin with one component are one kernel."""
        proposals, log_shares = first.proposals, first.log_shares
        known = len(log_shares) == 1 and kernels.begins(schedule.proposals, proposals)
        leaves = proposals.leaves().values()
        if not (known and supported(cost, log_shares, *leaves)):
            return super().weighted_poses(cost, first, schedule, generator)
        return kernels.weighted_poses(cost, proposals, schedule, generator)

    def sample(self, mixture: Mixture, num: int, generator: torch.Generator | None) -> Tensor:
        """See `Backend.sample`; one component has a kernel."""
        single = len(mixture.log_shares) == 1
        if not (single and _known(mixture.proposals, mixture.log_shares)):
            return super().sample(mixture, num, generator)
        return kernels.sample(mixture.proposals, num, generator)

    def fit(self, family: ProposalFamily, poses: Tensor, log_weights: Tensor) -> Proposal:
        """See `Backend.fit`."""
        if not kernels.has_fit(family) or not _readable(poses, log_weights):
            return super().fit(family, poses, log_weights)
        return kernels.fit(family, poses, log_weights)

    def log_density(self, proposals: Proposal, log_shares: Tensor, poses: Tensor) -> Tensor:
        """See `Backend.log_density`."""
        if not _known(proposals, log_shares, poses):
            return super().log_density(proposals, log_shares, poses)
        return kernels.log_density(proposals, log_shares, poses)


def _known(proposals: Proposal, *tensors: Tensor) -> bool:
    """Whether proposals, and tensors beside them, have kernels."""
    if type(proposals) not in (YawPoseProposal, QuaternionPoseProposal):
        return False
    return _readable(*proposals.leaves().values(), *tensors)


def _readable(*tensors: Tensor) -> bool:
    return not torch.compiler.is_compiling() and all_plain(*tensors)


def _camera_leaves(grads: adjoint.CameraGrads) -> dict[str, Tensor]:
    """Gradients by the names of the leaves."""
    bounds = torch.from_numpy(grads.bounds).unsqueeze(-1)
    return {
        "camera.cam_mats": torch.from_numpy(grads.intrinsics),
        "camera.lower": bounds[:, :2],
        "camera.upper": bounds[:, 2:],
        "manifold.gravity": torch.from_numpy(grads.tilt).mT,
    }
