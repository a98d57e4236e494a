"""Proposal distributions over poses, and how adaptive importance sampling places and refits them.

A family (`YawProposals`, `QuaternionProposals`) makes proposals: ``around`` a solution with its
covariance, then ``fit`` to the weighted samples drawn so far. A proposal is a product of a
multivariate t over translation and a rotation distribution; it can also be built from parameters.
How a fit is kept usable when samples are poor is the `FitRule` given to the family.

Shapes: S samples, B objects, P pose parameters (4 or 7), D degrees of freedom (4 or 6).
Source: EPro-PnP (arXiv 2203.13254), section 3.2 and the appendix on adaptive sampling.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import torch
from torch import Tensor
from typing_extensions import Self

from epropnp import linear
from epropnp.distributions import AngularCentralGaussian, MultivariateT, VonMisesUniformMix, whiten
from epropnp.fitting import (
    FitRule,
    ScaledFit,
    cholesky_or,
    circular_moments,
    second_moment,
    weighted_moments,
)
from epropnp.manifolds import quaternion_tangent
from epropnp.record import Record

KAPPA_SHARE = 0.33  # of the fitted concentration: a proposal should be wider than the target


class Proposal(Protocol):
    """A distribution over poses, one per object: a `Record` whose leaves are (B, ...).

    Stacked, its leaves are (K, B, ...): K components for every object.
    """

    def sample(self, num: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw poses (num, B, P), or (num, K, B, P) of each component."""
        ...

    def log_prob(self, poses: Tensor) -> Tensor:
        """Log density (S, B) of poses (S, B, P), or (S, K, B) of poses (S, K or 1, B, P)."""
        ...

    def leaves(self) -> dict[str, Tensor]:
        """Its parameters by name; see `epropnp.record`."""
        ...

    def with_leaves(self, leaves: Mapping[str, Tensor]) -> Self:
        """The same proposal with other parameters."""
        ...


class ProposalFamily(Protocol):
    """A rule that makes proposals for the poses of one manifold."""

    def around(self, pose: Tensor, covariance: Tensor) -> Proposal:
        """First proposals: poses (..., B, P) with tangent covariances (..., B, D, D)."""
        ...

    def fit(self, poses: Tensor, log_weights: Tensor) -> Proposal:
        """Next proposal, from samples (S, B, P) with unnormalised log weights (S, B)."""
        ...


@dataclass(frozen=True)
class YawPoseProposal(Record):
    """Independent translation and yaw of poses (x, y, z, yaw); density per m^3 rad."""

    translation: MultivariateT
    yaw: VonMisesUniformMix

    def sample(self, num: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw poses (num, B, 4)."""
        translation = self.translation.sample(num, generator)
        return torch.cat((translation, self.yaw.sample(num, generator).unsqueeze(-1)), dim=-1)

    def log_prob(self, poses: Tensor) -> Tensor:
        """Log density (S, B) of poses (S, B, 4)."""
        return self.translation.log_prob(poses[..., :3]) + self.yaw.log_prob(poses[..., 3])


@dataclass(frozen=True)
class QuaternionPoseProposal(Record):
    """Independent translation and quaternion of poses (x, y, z, w, i, j, k).

    The density is per m^3 and per area of the unit sphere in four dimensions, on which every
    rotation appears twice (q and -q).
    """

    translation: MultivariateT
    quaternion: AngularCentralGaussian

    def sample(self, num: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw poses (num, B, 7)."""
        translation = self.translation.sample(num, generator)
        return torch.cat((translation, self.quaternion.sample(num, generator)), dim=-1)

    def log_prob(self, poses: Tensor) -> Tensor:
        """Log density (S, B) of poses (S, B, 7)."""
        return self.translation.log_prob(poses[..., :3]) + self.quaternion.log_prob(poses[..., 3:])


@dataclass(frozen=True)
class YawProposals:
    """Student t over translation, mixture of von Mises and uniform over yaw.

    Attributes:
        rule: guards of the fit; ``PublishedFit()`` for the published behaviour.
    """

    dof: ClassVar[int] = 4

    rule: FitRule = field(default_factory=ScaledFit)

    def around(self, pose: Tensor, covariance: Tensor) -> YawPoseProposal:
        """Proposal centred on poses (..., B, 4) with tangent covariances (..., B, 4, 4)."""
        yaw = pose[..., 3]
        variance = self.rule.floor_variance(covariance[..., 3, 3], yaw.abs() + 1.0)
        return YawPoseProposal(
            self._translation(pose[..., :3], covariance[..., :3, :3]),
            VonMisesUniformMix(yaw, KAPPA_SHARE / variance),
        )

    def fit(self, poses: Tensor, log_weights: Tensor) -> YawPoseProposal:
        """Proposal with the weighted moments of poses (S, B, 4)."""
        weights = self.rule.weights(log_weights)
        moments = weighted_moments(poses[..., :3], weights)
        return self.from_moments(*moments, *circular_moments(poses[..., 3], weights))

    def from_moments(
        self, loc: Tensor, covariance: Tensor, yaw: Tensor, circular_variance: Tensor
    ) -> YawPoseProposal:
        """Proposal with moments of the translation (B, 3), (B, 3, 3) and of yaw (B,), (B,)."""
        resultant = 1.0 - circular_variance
        # one minus the squared resultant: about the variance of a narrow distribution
        variance = circular_variance * (1.0 + resultant)
        variance = self.rule.floor_variance(variance, yaw.abs() + 1.0)
        concentration = resultant.clamp(min=1e-5) * (2.0 - resultant.square()) / variance
        return YawPoseProposal(
            self._translation(loc, covariance),
            VonMisesUniformMix(yaw, KAPPA_SHARE * concentration),
        )

    def _translation(self, loc: Tensor, covariance: Tensor) -> MultivariateT:
        return MultivariateT(loc, self.rule.translation_factor(covariance, loc, (1.0, 1.0, 4.0)))


@dataclass(frozen=True)
class QuaternionProposals:
    """Student t over translation, angular central Gaussian over unit quaternions.

    Attributes:
        rule: guards of the fit; ``PublishedFit()`` for the published behaviour.
        num_fixed_point: steps of the maximum likelihood fit of the quaternion part.
    """

    dof: ClassVar[int] = 6

    rule: FitRule = field(default_factory=ScaledFit)
    num_fixed_point: int = 3

    def around(self, pose: Tensor, covariance: Tensor) -> QuaternionPoseProposal:
        """Proposal centred on poses (..., B, 7) with tangent covariances (..., B, 6, 6).

        The rotational tangent is the step d of ``q <- normalise(q + M(q) d)``.
        """
        frame = quaternion_frame(pose[..., 3:])
        moment = _angular_moment(covariance[..., 3:, 3:])
        return self._proposal(pose[..., :3], covariance[..., :3, :3], frame, moment)

    def fit(self, poses: Tensor, log_weights: Tensor) -> QuaternionPoseProposal:
        """Proposal with the weighted moments of poses (S, B, 7)."""
        weights = self.rule.weights(log_weights)
        loc, covariance = weighted_moments(poses[..., :3], weights)
        frame = quaternion_frame(most_likely(poses[..., 3:], weights))
        local = linear.apply(frame.mT, poses[..., 3:])

        def moment_under(factor: Tensor | None) -> Tensor:
            if factor is None:
                return second_moment(local, weights)
            reweighted = weights / whiten(factor, local).square().sum(-1)
            return second_moment(local, reweighted / reweighted.sum(0))

        return self.from_moments(loc, covariance, frame, moment_under)

    def from_moments(
        self,
        loc: Tensor,
        covariance: Tensor,
        frame: Tensor,
        moment_under: Callable[[Tensor | None], Tensor],
    ) -> QuaternionPoseProposal:
        """Proposal with moments of the translation, and the most likely quaternion covariance.

        The latter is found by fixed-point steps. The first gives the second moment; each next one
        divides the weights by the squared Mahalanobis length under the covariance so far, which is
        at least one.

        Args:
            loc: (B, 3).
            covariance: (B, 3, 3).
            frame: (B, 4, 4) axes of the quaternion moments.
            moment_under: gives the second moment (B, 4, 4) for a factor (B, 4, 4) of that
                covariance, or the plain one for None.
        """
        moment = self.rule.steady_moment(moment_under(None))
        for _ in range(self.num_fixed_point - 1):
            factor = cholesky_or(moment, self.rule.quaternion_factor(moment))
            moment = self.rule.steady_moment(moment_under(factor))
        return self._proposal(loc, covariance, frame, moment)

    def _proposal(
        self, loc: Tensor, covariance: Tensor, frame: Tensor, moment: Tensor
    ) -> QuaternionPoseProposal:
        factor = self.rule.translation_factor(covariance, loc, (1.0, 1.0, 1.0))
        return QuaternionPoseProposal(
            MultivariateT(loc, factor),
            AngularCentralGaussian(self.rule.quaternion_factor(moment), frame),
        )


def most_likely(values: Tensor, weights: Tensor) -> Tensor:
    """The value (B, d) of the largest weight, of (S, B, d) with weights (S, B)."""
    objects = torch.arange(values.shape[1], device=values.device)
    return values[weights.argmax(0), objects]


def quaternion_frame(quaternion: Tensor) -> Tensor:
    """Rotation (..., 4, 4) of quaternion space: unit quaternions (..., 4), then their tangent."""
    return torch.cat((quaternion.unsqueeze(-1), quaternion_tangent(quaternion)), dim=-1)


def _angular_moment(covariance: Tensor) -> Tensor:
    """Quaternion covariance (..., 4, 4), mode first, for a tangent covariance C (..., 3, 3).

    One along the mode and (C^-1 + I)^-1 across it, the published choice, computed without
    inverting C.
    """
    identity = torch.eye(3, dtype=covariance.dtype, device=covariance.device)
    factor = torch.linalg.cholesky_ex(identity + covariance).L
    across = linear.substituted(factor, covariance)
    moment = torch.nn.functional.pad(0.5 * (across + across.mT), (1, 0, 1, 0))
    moment[..., 0, 0] = 1.0
    return moment
