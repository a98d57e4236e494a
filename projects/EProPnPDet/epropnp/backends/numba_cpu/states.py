"""Proposals as rows of numbers, one row per component and object.

A row holds the translation first, then the rotation:

| numbers | translation | of a yaw | of a quaternion |
|---|---|---|---|
| 0 to 2 | location | | |
| 3 to 11 | lower triangular factor (3, 3) | | |
| 12, 13 | | location, concentration | |
| 12 to 27, 28 to 43 | | | frame (4, 4), factor (4, 4) |
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from epropnp.backends.numba_cpu.compiled import inlined
from epropnp.distributions import AngularCentralGaussian, MultivariateT, VonMisesUniformMix
from epropnp.proposals import Proposal, QuaternionPoseProposal, YawPoseProposal

SIZE = {4: 14, 7: 44}  # by the numbers of a pose


class Constants(NamedTuple):
    """What is the same for all proposals of a family.

    Attributes:
        freedom: degrees of freedom of the translations' multivariate t.
        exponent: half the sum of degrees of freedom and dimension.
        normalizer: log density at the mode of a translation with a factor of determinant one.
        uniform: share of the uniform part of a heading; zero of quaternions.
    """

    freedom: int
    exponent: float
    normalizer: float
    uniform: float


def constants(proposals: Proposal) -> Constants:
    """Constants of a `YawPoseProposal` or `QuaternionPoseProposal`."""
    freedom, dim = proposals.translation.dof, 3
    half = 0.5 * (freedom + dim)
    normalizer = math.lgamma(half) - math.lgamma(0.5 * freedom)
    normalizer -= 0.5 * dim * math.log(freedom * math.pi)
    is_yaw = isinstance(proposals, YawPoseProposal)
    uniform = float(proposals.yaw.uniform_weight) if is_yaw else 0.0
    return Constants(int(freedom), half, normalizer, uniform)


def packed(proposals: Proposal) -> Tensor:
    """Rows (..., B, 14 or 44) of proposals (..., B)."""
    translation = proposals.translation
    rows = [translation.loc, translation.scale_tril.flatten(-2)]
    if isinstance(proposals, YawPoseProposal):
        yaw = proposals.yaw
        return torch.cat((*rows, torch.stack((yaw.loc, yaw.concentration), -1)), -1)
    part = proposals.quaternion
    frame = part.frame
    if frame is None:
        frame = torch.eye(4, dtype=part.scale_tril.dtype).expand_as(part.scale_tril)
    return torch.cat((*rows, frame.flatten(-2), part.scale_tril.flatten(-2)), -1)


def unpacked(rows: Tensor) -> Proposal:
    """Proposals (B,) of rows (B, 14 or 44)."""
    batch = len(rows)
    translation = MultivariateT(rows[:, :3], rows[:, 3:12].view(batch, 3, 3))
    if rows.shape[1] == SIZE[4]:
        yaw = VonMisesUniformMix(rows[:, 12], rows[:, 13])
        return YawPoseProposal(translation, yaw)
    frame, factor = rows[:, 12:28].view(batch, 4, 4), rows[:, 28:].view(batch, 4, 4)
    return QuaternionPoseProposal(translation, AngularCentralGaussian(factor, frame))


@inlined
def translation_of(row):
    """Location (3,) and factor (3, 3) of a row, as views."""
    return row[:3], row[3:12].reshape((3, 3))


@inlined
def quaternion_of(row):
    """Frame and factor (4, 4) of a row, as views."""
    return row[12:28].reshape((4, 4)), row[28:44].reshape((4, 4))
