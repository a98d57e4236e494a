"""Draws, densities and fits of the layer's own proposals by kernels."""

import math

import numpy as np
import torch
from torch import Tensor

from epropnp.backends.numba_cpu import density, draws, moments
from epropnp.backends.numba_cpu.arrays import as_array
from epropnp.backends.numba_cpu.compiled import Job, run
from epropnp.distributions import (
    LOG_SPHERE_AREA,
    LOG_TWO_PI,
    MultivariateT,
    VonMisesUniformMix,
)
from epropnp.fitting import PublishedFit, ScaledFit
from epropnp.proposals import (
    Proposal,
    QuaternionProposals,
    YawPoseProposal,
    YawProposals,
    most_likely,
    quaternion_frame,
)

WORK_PER_DRAW = 4  # point evaluations that take as long as a draw or a density


def log_density(proposals: Proposal, log_shares: Tensor, poses: Tensor) -> Tensor:
    """See `Backend.log_density`; of a `YawPoseProposal` or `QuaternionPoseProposal`."""
    out = poses.new_empty(poses.shape[:2])
    samples, objects = out.shape
    work = samples * objects * len(log_shares) * WORK_PER_DRAW
    job = Job(objects, work, 1, as_array(out).dtype)
    if isinstance(proposals, YawPoseProposal):
        parts = _translations(proposals.translation, log_shares), _headings(proposals.yaw)
        run(density.yaw_log_density, job, *parts, as_array(poses), as_array(out))
        return out
    directions = proposals.quaternion
    frame = directions.frame
    if frame is None:
        frame = torch.eye(4, dtype=out.dtype).expand_as(directions.scale_tril)
    constant = log_shares - LOG_SPHERE_AREA - _log_diagonal(directions.scale_tril)
    parts = (
        _translations(proposals.translation, constant),
        density.Directions(as_array(frame), as_array(directions.scale_tril)),
    )
    run(density.quaternion_log_density, job, *parts, as_array(poses), as_array(out))
    return out


def sample(proposals: Proposal, num: int, generator: torch.Generator | None) -> Tensor:
    """Draw (num, B, P) of proposals (1, B); see `Proposal.sample`."""
    is_yaw = isinstance(proposals, YawPoseProposal)
    part = proposals.translation
    loc, factor = part.loc[0], part.scale_tril[0]
    batch = len(loc)
    out = loc.new_empty((num, batch, 4 if is_yaw else 7))
    normal = torch.randn((num, batch, 3 + part.dof), dtype=loc.dtype, generator=generator)
    job = Job(batch, num * batch * WORK_PER_DRAW, 1, as_array(out).dtype)
    run(draws.translations, job, *map(as_array, (loc, factor, normal, out)))
    if is_yaw:
        out[..., 3] = _sample_heading(proposals.yaw, num, generator)
        return out
    directions = proposals.quaternion
    factor = directions.scale_tril[0]
    factor = factor if directions.frame is None else directions.frame[0] @ factor
    normal = torch.randn((num, batch, 4), dtype=loc.dtype, generator=generator)
    run(draws.quaternions, job, *map(as_array, (factor, normal, out)))
    return out


def _sample_heading(part: VonMisesUniformMix, num: int, generator: torch.Generator | None):
    """Draw (num, B); the eager distribution with another `sample_von_mises`."""
    part = VonMisesUniformMix(part.loc[0], part.concentration[0], part.uniform_weight)
    return part.sample(num, generator, sample_von_mises)


def sample_von_mises(
    concentration: Tensor, num: int, generator: torch.Generator | None = None
) -> Tensor:
    """See `epropnp.distributions.sample_von_mises`, whose random numbers it takes."""
    shape = (2 * num + 32, *concentration.shape)
    candidates, chances = (
        torch.rand(shape, dtype=concentration.dtype, generator=generator) for _ in range(2)
    )
    out = concentration.new_empty((num, len(concentration)))
    job = Job(len(concentration), out.numel() * WORK_PER_DRAW, num, as_array(out).dtype)
    run(draws.von_mises, job, *map(as_array, (concentration, candidates, chances, out)))
    return out


def carriers_of(rule: object, samples: int) -> int | None:
    """Samples that share the largest weight under a known rule of fitting, else None."""
    if type(rule) is ScaledFit:
        return rule.carriers(samples)
    return 0 if type(rule) is PublishedFit else None


def fit(
    family: YawProposals | QuaternionProposals, carriers: int, poses: Tensor, log_weights: Tensor
) -> Proposal:
    """See `ProposalFamily.fit`."""
    samples, objects = log_weights.shape
    shares = torch.empty_like(log_weights)
    loc, covariance = poses.new_empty((objects, 3)), poses.new_empty((objects, 3, 3))
    at, weights = as_array(poses), as_array(shares)
    job = Job(objects, samples * objects * WORK_PER_DRAW, max(carriers, 1), at.dtype)
    run(moments.weights, job, as_array(log_weights), carriers, weights)
    run(moments.translation_moments, job, at, weights, as_array(loc), as_array(covariance))
    if isinstance(family, YawProposals):
        yaw, variance = poses.new_empty(objects), poses.new_empty(objects)
        run(moments.heading_moments, job, at, weights, as_array(yaw), as_array(variance))
        return family.from_moments(loc, covariance, yaw, variance)
    frame = quaternion_frame(most_likely(poses[..., 3:], shares))

    def moment_under(factor: Tensor | None) -> Tensor:
        out = poses.new_empty((objects, 4, 4))
        factors = poses.new_empty((0, 1, 4, 4)) if factor is None else factor[None]
        arrays = map(as_array, (frame[None], factors, out))
        run(moments.quaternion_moments, job, at, weights, *arrays)
        return out

    return family.from_moments(loc, covariance, frame, moment_under)


def _translations(part: MultivariateT, log_shares: Tensor) -> density.Translations:
    dim = part.loc.shape[-1]
    half = 0.5 * (part.dof + dim)
    normalizer = (
        math.lgamma(half) - math.lgamma(0.5 * part.dof) - 0.5 * dim * math.log(part.dof * math.pi)
    )
    constant = as_array(log_shares + normalizer - _log_diagonal(part.scale_tril))
    kind = constant.dtype.type
    loc, factor = as_array(part.loc), as_array(part.scale_tril)
    return density.Translations(loc, factor, constant, kind(half), kind(part.dof))


def _headings(part: VonMisesUniformMix) -> density.Headings:
    peak = -LOG_TWO_PI - torch.special.i0e(part.concentration).log()
    constant = as_array(peak + math.log1p(-part.uniform_weight))
    flat = constant.dtype.type(part.uniform_weight / (2.0 * np.pi))
    return density.Headings(as_array(part.loc), as_array(part.concentration), constant, flat)


def _log_diagonal(factor: Tensor) -> Tensor:
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
