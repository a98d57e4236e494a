"""Draws, densities and fits of the layer's own proposals by kernels."""

import math

import numpy as np
import torch
from torch import Tensor

from epropnp.backends.numba_cpu import density, draws, fits
from epropnp.backends.numba_cpu.arrays import as_array
from epropnp.backends.numba_cpu.compiled import Job, run
from epropnp.distributions import (
    AngularCentralGaussian,
    MultivariateT,
    VonMisesUniformMix,
    candidates_for,
)
from epropnp.fitting import ScaledFit
from epropnp.proposals import (
    Proposal,
    QuaternionPoseProposal,
    QuaternionProposals,
    YawPoseProposal,
    YawProposals,
)

WORK_PER_DRAW = 4  # point evaluations that take as long as a draw or a density
DOUBLE = np.dtype(np.float64)


def log_density(proposals: Proposal, log_shares: Tensor, poses: Tensor) -> Tensor:
    """See `Backend.log_density`; of a `YawPoseProposal` or `QuaternionPoseProposal`."""
    out = poses.new_empty(poses.shape[:2])
    components, objects = log_shares.shape
    work = out.numel() * components * WORK_PER_DRAW
    job = Job(objects, work, density.scratch_size(components), DOUBLE)
    translations = _translations(proposals.translation, log_shares)
    if isinstance(proposals, YawPoseProposal):
        kernel, part = density.yaw_log_density, proposals.yaw
        rotations = density.Headings(
            as_array(part.loc), as_array(part.concentration), part.uniform_weight
        )
    else:
        kernel, part = density.quaternion_log_density, proposals.quaternion
        rotations = density.Directions(as_array(_frame(part)), as_array(part.scale_tril))
    run(kernel, job, translations, rotations, as_array(poses), as_array(out))
    return out


def sample(proposals: Proposal, num: int, generator: torch.Generator | None) -> Tensor:
    """Draw (num, B, P) of proposals (1, B); see `Proposal.sample`."""
    part = proposals.translation
    loc, factor = part.loc[0], part.scale_tril[0]
    batch, is_yaw = len(loc), isinstance(proposals, YawPoseProposal)
    like = {"dtype": loc.dtype, "generator": generator}
    normal = torch.randn((num, batch, 3 + part.dof), **like)
    out = loc.new_empty((num, batch, 4 if is_yaw else 7))
    translations = [as_array(tensor) for tensor in (loc, factor, normal)]
    job = Job(batch, num * batch * WORK_PER_DRAW, num + 16, translations[0].dtype)
    if is_yaw:
        yaw = proposals.yaw
        rotations = [as_array(yaw.loc[0]), as_array(yaw.concentration[0])]
        numbers = _heading_numbers(yaw, num, like)
        run(draws.yaw_draws, job, *translations, *rotations, numbers, as_array(out))
        return out
    directions = proposals.quaternion
    rotations = [as_array(_frame(directions)[0]), as_array(directions.scale_tril[0])]
    numbers = as_array(torch.randn((num, batch, 4), **like))
    run(draws.quaternion_draws, job, *translations, *rotations, numbers, as_array(out))
    return out


def _heading_numbers(part: VonMisesUniformMix, num: int, like: dict) -> draws.HeadingNumbers:
    """Random numbers in the order in which `VonMisesUniformMix.sample` draws them."""
    whole, rest = part.split(num)
    batch = part.loc.shape[1]
    shape = (candidates_for(num - whole), batch)
    shapes = ((whole + (rest > 0), batch), shape, shape, (int(rest > 0), batch))
    numbers = [as_array(torch.rand(shape, **like)) for shape in shapes]
    return draws.HeadingNumbers(*numbers, numbers[0].dtype.type(rest))


def fit(family: YawProposals | QuaternionProposals, poses: Tensor, log_weights: Tensor) -> Proposal:
    """See `ProposalFamily.fit`; by the rule `ScaledFit`."""
    samples, objects = log_weights.shape
    carriers = family.rule.carriers(samples)
    at, weights = as_array(poses), as_array(log_weights)
    size = fits.scratch_size(samples, carriers)
    job = Job(objects, samples * objects * WORK_PER_DRAW, size, at.dtype)
    loc, factor = poses.new_empty((objects, 3)), poses.new_empty((objects, 3, 3))
    if isinstance(family, YawProposals):
        found = [loc, factor, poses.new_empty(objects), poses.new_empty(objects)]
        out = fits.YawFit(*map(as_array, found))
        run(fits.yaw_fit, job, at, weights, carriers, out)
        return YawPoseProposal(MultivariateT(loc, factor), VonMisesUniformMix(*found[2:]))
    found = [loc, factor, poses.new_empty((objects, 4, 4)), poses.new_empty((objects, 4, 4))]
    out = fits.QuaternionFit(*map(as_array, found))
    run(fits.quaternion_fit, job, at, weights, (carriers, family.num_fixed_point), out)
    return QuaternionPoseProposal(
        MultivariateT(loc, factor), AngularCentralGaussian(found[3], found[2])
    )


def has_fit(family: object) -> bool:
    """Whether a family has a kernel that fits it."""
    return type(family) in (YawProposals, QuaternionProposals) and type(family.rule) is ScaledFit


def _frame(part: AngularCentralGaussian) -> Tensor:
    if part.frame is not None:
        return part.frame
    return torch.eye(4, dtype=part.scale_tril.dtype).expand_as(part.scale_tril)


def _translations(part: MultivariateT, log_shares: Tensor) -> density.Translations:
    dim = part.loc.shape[-1]
    half = 0.5 * (part.dof + dim)
    normalizer = (
        math.lgamma(half) - math.lgamma(0.5 * part.dof) - 0.5 * dim * math.log(part.dof * math.pi)
    )
    arrays = (as_array(tensor) for tensor in (part.loc, part.scale_tril, log_shares))
    return density.Translations(*arrays, float(part.dof), half, normalizer)
