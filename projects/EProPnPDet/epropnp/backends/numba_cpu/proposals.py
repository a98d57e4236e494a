"""Draws, densities, fits and whole rounds of the layer's own proposals by kernels."""

import numpy as np
import torch
from torch import Tensor

from epropnp.backends.numba_cpu import density, draws, fits, rounds
from epropnp.backends.numba_cpu.arrays import as_array, cost_arrays
from epropnp.backends.numba_cpu.compiled import Job, run
from epropnp.backends.numba_cpu.states import SIZE, constants, packed, unpacked
from epropnp.distributions import VonMisesUniformMix, candidates_for
from epropnp.fitting import ScaledFit
from epropnp.proposals import (
    Proposal,
    QuaternionPoseProposal,
    QuaternionProposals,
    YawPoseProposal,
    YawProposals,
)
from epropnp.reprojection import ReprojectionCost
from epropnp.rounds import Schedule, WeightedPoses

WORK_PER_DRAW = 4  # point evaluations that take as long as a draw or a density
DOUBLE = np.dtype(np.float64)
MADE_BY = {YawProposals: YawPoseProposal, QuaternionProposals: QuaternionPoseProposal}


def log_density(proposals: Proposal, log_shares: Tensor, poses: Tensor) -> Tensor:
    """See `Backend.log_density`; of a `YawPoseProposal` or `QuaternionPoseProposal`."""
    out = poses.new_empty(poses.shape[:2])
    components, objects = log_shares.shape
    work = out.numel() * components * WORK_PER_DRAW
    job = Job(objects, work, density.scratch_size(components), DOUBLE)
    rows = [as_array(tensor) for tensor in (packed(proposals), log_shares)]
    kernel = density.LOG_DENSITY[poses.shape[-1]]
    run(kernel, job, *rows, constants(proposals), as_array(poses), as_array(out))
    return out


def sample(proposals: Proposal, num: int, generator: torch.Generator | None) -> Tensor:
    """Draw (num, B, P) of proposals (1, B); see `Proposal.sample`."""
    rows = packed(proposals)[0]
    batch, size = len(rows), _size(proposals)
    numbers = _numbers(proposals, (1, num, batch), generator)
    out = rows.new_empty((num, batch, size))
    row_array = as_array(rows)
    scratch = draws.scratch_size(num)
    job = Job(batch, num * batch * WORK_PER_DRAW, scratch, row_array.dtype)
    run(draws.DRAWS[size], job, row_array, numbers, as_array(out))
    return out


def fit(family: YawProposals | QuaternionProposals, poses: Tensor, log_weights: Tensor) -> Proposal:
    """See `ProposalFamily.fit`; by the rule `ScaledFit`."""
    samples, objects, size = poses.shape
    carriers = family.rule.carriers(samples)
    at, weights = as_array(poses), as_array(log_weights)
    scratch = fits.scratch_size(samples, carriers) + (size + 1) * samples
    job = Job(objects, samples * objects * WORK_PER_DRAW, scratch, at.dtype)
    rows = poses.new_empty((objects, SIZE[size]))
    run(fits.FITS[size], job, at, weights, (carriers, _steps(family)), as_array(rows))
    return unpacked(rows)


def weighted_poses(
    cost: ReprojectionCost,
    proposals: Proposal,
    schedule: Schedule,
    generator: torch.Generator | None,
) -> WeightedPoses:
    """See `Backend.weighted_poses`, beginning with proposals (1, B)."""
    family, turns, samples = schedule.proposals, schedule.num_iter, schedule.num_samples
    rows, each = packed(proposals)[0], samples // turns
    batch, size = len(rows), _size(proposals)
    numbers = _numbers(proposals, (turns, each, batch), generator)
    carriers = [family.rule.carriers(max(1, turn * each)) for turn in range(turns)]
    plan = rounds.Plan(np.array(carriers), _steps(family), constants(proposals))
    values = rows.new_empty((samples, batch))
    found = WeightedPoses(rows.new_empty((samples, batch, size)), values, torch.empty_like(values))
    arrays = cost_arrays(cost)
    work = samples * batch * (arrays.points.shape[-1] + turns * WORK_PER_DRAW)
    job = Job(batch, work, rounds.scratch_size(samples, plan, size), DOUBLE)
    out = rounds.RoundsOut(*map(as_array, found))
    run(rounds.ROUNDS[size], job, arrays, plan, as_array(rows), numbers, out)
    return found


def _numbers(
    proposals: Proposal, shape: tuple[int, int, int], generator: torch.Generator | None
) -> draws.Numbers:
    """Random numbers of rounds, samples and objects, in the order in which proposals draw them."""
    turns, num, batch = shape
    translation, is_yaw = proposals.translation, isinstance(proposals, YawPoseProposal)
    like = {"dtype": translation.loc.dtype, "generator": generator}
    counts, rest = _heading_counts(proposals.yaw, num) if is_yaw else ((), 0.0)
    drawn = []
    for _ in range(turns):
        numbers = [torch.randn((num, batch, 3 + translation.dof), **like)]
        numbers += [torch.rand((count, batch), **like) for count in counts]
        if not is_yaw:
            numbers.append(torch.randn((num, batch, 4), **like))
        drawn.append(numbers)
    normal, *rotation = (as_array(torch.stack(each)) for each in zip(*drawn, strict=True))
    if not is_yaw:
        return draws.Numbers(normal, *rotation)
    return draws.Numbers(normal, draws.HeadingNumbers(*rotation, normal.dtype.type(rest)))


def _heading_counts(part: VonMisesUniformMix, num: int) -> tuple[tuple[int, ...], float]:
    """How many numbers `VonMisesUniformMix.sample` asks for, in its order, and its chance."""
    whole, rest = part.split(num)
    one_more, candidates = int(rest > 0), candidates_for(num - whole)
    return (whole + one_more, candidates, candidates, one_more), rest


def has_fit(family: object) -> bool:
    """Whether a family has a kernel that fits it."""
    return type(family) in MADE_BY and type(family.rule) is ScaledFit


def begins(family: object, proposals: Proposal) -> bool:
    """Whether there is a kernel for the rounds of a family that begin with such proposals."""
    return has_fit(family) and type(proposals) is MADE_BY[type(family)]


def _steps(family: YawProposals | QuaternionProposals) -> int:
    return getattr(family, "num_fixed_point", 1)


def _size(proposals: Proposal) -> int:
    return 4 if isinstance(proposals, YawPoseProposal) else 7
