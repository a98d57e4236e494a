"""Quaternion proposals that keep every rotation reachable, as yaw proposals always do.

A share of the rotations is uniform. It helps to find a second mode far from the solution if that
mode is not too narrow: within 30 degrees of a mode lie 0.75 % of all rotations, within 5 degrees
0.0035 %, and the translation has to fit too. On boxes with two equal modes half a turn apart and
512 samples, a share of 0.25 found the second one for 20 objects of 40 instead of 10 where modes
were 6 degrees wide, and for 4 instead of 3 where they were 2 degrees wide; samples of an object
with one mode were worth 20 to 50 % less. For narrow modes give the sampler several peaks instead.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from epropnp.distributions import LOG_SPHERE_AREA, AngularCentralGaussian
from epropnp.proposals import QuaternionPoseProposal, QuaternionProposals
from epropnp.record import Record


@dataclass(frozen=True)
class AngularUniformMix(Record):
    """Mixture of an angular central Gaussian and the uniform distribution on unit quaternions.

    Attributes:
        peaked: first component.
        uniform_weight: share of the uniform one, in (0, 1).
    """

    peaked: AngularCentralGaussian
    uniform_weight: float

    def sample(self, num: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw (num, B, 4) unit quaternions, each from either component by its share.

        In a round of a few samples shares cannot be kept exactly, so they are not: which draw is
        uniform is drawn as well, and the density is right for every number.
        """
        peaked = self.peaked.sample(num, generator)
        shape, like = peaked.shape, peaked
        normal = torch.randn(shape, dtype=like.dtype, device=like.device, generator=generator)
        uniform = normal / normal.norm(dim=-1, keepdim=True).clamp(
            min=torch.finfo(normal.dtype).tiny
        )
        chance = torch.rand(shape[:-1], dtype=like.dtype, device=like.device, generator=generator)
        return torch.where((chance < self.uniform_weight).unsqueeze(-1), uniform, peaked)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density (S, B) of ``value`` (S, B, 4) with respect to area of the unit sphere."""
        peaked = self.peaked.log_prob(value) + math.log1p(-self.uniform_weight)
        flat = torch.full_like(peaked, math.log(self.uniform_weight) - LOG_SPHERE_AREA)
        return torch.logaddexp(peaked, flat)


@dataclass(frozen=True)
class WidePoseProposal(QuaternionPoseProposal):
    """Independent translation and quaternion of poses, see `QuaternionPoseProposal`."""

    quaternion: AngularUniformMix


@dataclass(frozen=True)
class WideQuaternionProposals(QuaternionProposals):
    """`QuaternionProposals` of which a share of the rotations is uniform.

    Costs that share of the samples where the density has one narrow mode.

    Attributes:
        uniform_weight: the share, in (0, 1).

    Raises:
        ValueError: a share outside.
    """

    uniform_weight: float = 0.25

    def __post_init__(self) -> None:
        if not 0.0 < self.uniform_weight < 1.0:
            raise ValueError(f"uniform_weight must be between 0 and 1, got {self.uniform_weight}")

    def _proposal(
        self, loc: Tensor, covariance: Tensor, frame: Tensor, moment: Tensor
    ) -> WidePoseProposal:
        narrow = super()._proposal(loc, covariance, frame, moment)
        mixture = AngularUniformMix(narrow.quaternion, self.uniform_weight)
        return WidePoseProposal(narrow.translation, mixture)
