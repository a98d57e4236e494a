"""The pose distribution of an object: what to read when one pose is not enough.

A cost defines the density exp(-cost) / Z over poses, with flat measure: per m^3 rad for poses with
yaw, per m^3 and area of the unit quaternion sphere for poses with quaternions (each rotation is
there twice, as q and -q; divide by 4 for a density per rad^3 of rotation angle vector).

Shapes: S samples, B objects, P pose parameters, D degrees of freedom.
Source: EPro-PnP (arXiv 2203.13254), equations 2 to 4 and section 3.2.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from epropnp.amis import PoseSamples
from epropnp.backends import Backend, default_backend
from epropnp.camera import PerspectiveCamera
from epropnp.cost import PoseCost
from epropnp.diagnostics import Diagnostics, diagnose
from epropnp.distributions import wrap_angle
from epropnp.fitting import normalized_weights
from epropnp.layer import EProPnP
from epropnp.levenberg_marquardt import Solution, TrustRegion, better
from epropnp.mixture import systematic_index
from epropnp.precision import full_precision
from epropnp.problem import CostSetting, build_problem
from epropnp.record import Record
from epropnp.solvers import pose_manifold

POLISH_STEPS = 5  # from the best sample, which is close to a minimum already


@dataclass(frozen=True, eq=False)
class PoseDistribution(Record):
    """Distribution of the poses of B objects; made by `pose_distribution`.

    Nothing carries a gradient. Numbers of objects that are not `valid` mean nothing.

    Attributes:
        pose_cost: cost whose negative is the log of the unnormalised density.
        pose_opt: (B, P) mode; yaw in [-pi, pi), the real part of a quaternion positive.
        pose_cov: (B, D, D) covariance of a tangent step at the mode, if the density were normal
            (Laplace).
        pose_samples: (S, B, P).
        pose_sample_weights: (S, B) of sum one.
        log_density: (S, B) normalised log density at the samples.
        log_evidence: (B,) log of Z, the integral of exp(-cost).
        valid: (B,) objects with a finite mode, covariance and evidence.
        diagnostics: how well the objects were solved and sampled, and whether to trust it.
    """

    pose_cost: PoseCost
    pose_opt: Tensor
    pose_cov: Tensor
    pose_samples: Tensor
    pose_sample_weights: Tensor
    log_density: Tensor
    log_evidence: Tensor
    valid: Tensor
    diagnostics: Diagnostics

    @property
    def effective_sample_size(self) -> Tensor:
        """How many independent samples the weighted ones are worth, (B,) between 1 and S."""
        return self.diagnostics.effective_sample_size

    @property
    def entropy(self) -> Tensor:
        """Differential entropy (B,), nats; a spread of one unit in all directions gives about D."""
        return -_weighted_sum(self.pose_sample_weights, self.log_density)

    @torch.no_grad()
    @full_precision
    def log_prob(self, pose: Tensor) -> Tensor:
        """Normalised log density (..., B) of poses (..., B, P); quaternions get unit length."""
        return -self.pose_cost.value(self.pose_cost.manifold.project(pose)) - self.log_evidence

    @torch.no_grad()
    def resample(self, num: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw poses (num, B, P) of equal weight, by systematic resampling of the samples."""
        like = self.pose_opt
        offset = torch.rand(len(like), generator=generator, dtype=like.dtype, device=like.device)
        index = systematic_index(self.pose_sample_weights, num, offset).unsqueeze(-1)
        return self.pose_samples.gather(0, index.expand(-1, -1, self.pose_samples.shape[-1]))


@torch.no_grad()
@full_precision
def pose_distribution(
    layer: EProPnP,
    x3d: Tensor,
    x2d: Tensor,
    w2d: Tensor,
    camera: PerspectiveCamera,
    cost_fun: CostSetting,
    pose_init: Tensor | None = None,
    *,
    mask: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> PoseDistribution:
    """Run a layer on correspondences and return the distribution of the poses.

    Args:
        layer: `EProPnP4DoF` or `EProPnP6DoF`, whose solver and sampler are used.
        x3d: (B, n, 3) object frame, metres.
        x2d: (B, n, 2) pixels.
        w2d: (B, n, 2) weights, not negative, per pixel.
        camera: bound camera.
        cost_fun: choice of the robust kernel.
        pose_init: (B, P) start that competes with the layer's own.
        mask: (B, n) points that count, all if None; of the others not even NaN matters.
        generator: source of random numbers; torch's default one if None.

    Raises:
        TypeError: arguments of the wrong kind.
        ValueError: shapes that do not fit, or neither a start pose nor a start solver.
    """
    if not isinstance(layer, EProPnP):
        raise TypeError(f"layer must be EProPnP4DoF or EProPnP6DoF, got {type(layer).__name__}")
    result = layer.monte_carlo_forward(
        x3d, x2d, w2d, camera, cost_fun, pose_init, mask=mask, generator=generator
    )
    samples = PoseSamples(
        result.pose_samples, result.pose_sample_logweights, result.pose_sample_costs
    )
    manifold = pose_manifold(layer.dof, camera)
    cost = build_problem(x3d, x2d, w2d, camera, cost_fun, manifold, mask=mask).cost
    distribution = distribution_from_samples(cost, result.pose_opt, samples, layer.backend)
    return replace(distribution, valid=distribution.valid & result.valid)


@torch.no_grad()
@full_precision
def cost_distribution(
    layer: EProPnP,
    cost: PoseCost,
    pose_init: Tensor | None = None,
    *,
    generator: torch.Generator | None = None,
) -> PoseDistribution:
    """Distribution of the poses of a cost that is made already, such as a `SumCost`.

    Args:
        layer: whose solver and sampler are used.
        cost: cost of B objects, of the layer's kind of poses.
        pose_init: (B, P) start that competes with the layer's own.
        generator: source of random numbers; torch's default one if None.
    """
    result = layer.sample_cost(cost, pose_init, generator=generator)
    samples = PoseSamples(
        result.pose_samples, result.pose_sample_logweights, result.pose_sample_costs
    )
    distribution = distribution_from_samples(cost, result.pose_opt, samples, layer.backend)
    return replace(distribution, valid=distribution.valid & result.valid)


@torch.no_grad()
@full_precision
def distribution_from_samples(
    cost: PoseCost, pose: Tensor, samples: PoseSamples, backend: Backend | None = None
) -> PoseDistribution:
    """Pose distribution from a solution (B, P) and samples of any proposal.

    The mode is the solution, or the minimum next to the best sample if that is lower: then the
    solver was in a local minimum.

    Args:
        cost: cost of B objects.
        pose: (B, P) minimum found by a solver.
        samples: weighted samples of exp(-cost); their costs are computed if they do not hold them.
        backend: arithmetic.
    """
    backend = backend or default_backend()
    poses, values = samples.pose_samples, samples.pose_sample_costs
    if values is None:
        values = backend.values(cost, poses)
    solution = _lowest(cost, pose, poses, values, backend)
    covariance, solved = solution.covariance()
    log_weights = torch.where(values.isfinite(), samples.pose_sample_logweights, -math.inf)
    log_evidence = log_weights.logsumexp(0) - math.log(max(len(log_weights), 1))
    usable = solved & solution.cost.isfinite() & log_evidence.isfinite()
    return PoseDistribution(
        pose_cost=cost,
        pose_opt=canonical(solution.pose_opt),
        pose_cov=covariance,
        pose_samples=poses,
        pose_sample_weights=normalized_weights(log_weights),
        log_density=-values - log_evidence,
        log_evidence=log_evidence,
        valid=usable & solution.pose_opt.isfinite().all(-1),
        diagnostics=diagnose(cost, solution.pose_opt).with_weights(log_weights),
    )


def canonical(pose: Tensor) -> Tensor:
    """One of the equal parametrisations of poses (..., P).

    Yaw is brought into [-pi, pi), and of a quaternion and its negative the one with a real part
    that is not negative is taken.
    """
    rotation = pose[..., 3:]
    if rotation.shape[-1] == 1:
        rotation = wrap_angle(rotation)
    else:
        rotation = torch.where(rotation[..., :1] < 0, -rotation, rotation)
    return torch.cat((pose[..., :3], rotation), dim=-1)


@full_precision
def laplace_log_evidence(distribution: PoseDistribution) -> Tensor:
    """Log evidence (B,) of a normal density with the mode's height and covariance.

    Where it falls short of `PoseDistribution.log_evidence` the density has other modes or heavy
    tails: two equal modes give log 2. (The two quaternions of one rotation are counted.)
    """
    manifold, covariance = distribution.pose_cost.manifold, distribution.pose_cov
    diagonal = torch.linalg.cholesky_ex(covariance).L.diagonal(dim1=-2, dim2=-1)
    copies = 1 + manifold.num_params - manifold.dof  # of a mode in parameter space
    with torch.no_grad():
        value = distribution.pose_cost.value(distribution.pose_opt)
    return (
        math.log(copies)
        + 0.5 * manifold.dof * math.log(2.0 * math.pi)
        + diagonal.log().sum(-1)
        - value
    )


def credible_log_density(distribution: PoseDistribution, level: float = 0.95) -> Tensor:
    """Log density (B,) above which the poses hold the probability ``level``.

    A pose is in the highest-density credible region if ``distribution.log_prob(pose)`` is at least
    this; the region may have several parts.
    """
    order = distribution.log_density.argsort(dim=0, descending=True)
    mass = distribution.pose_sample_weights.gather(0, order).cumsum(0)
    last = (mass < level).sum(0).clamp(max=len(order) - 1)
    return distribution.log_density.gather(0, order).gather(0, last.unsqueeze(0)).squeeze(0)


def _lowest(
    cost: PoseCost, pose: Tensor, poses: Tensor, values: Tensor, backend: Backend
) -> Solution:
    """Solution at ``pose``, or at the minimum next to the best sample where that is lower."""
    best = torch.where(values.isnan(), math.inf, values).argmin(0)
    start = poses.gather(0, best[None, :, None].expand(1, -1, poses.shape[-1])).squeeze(0)
    polished = backend.minimize(cost, start, POLISH_STEPS, TrustRegion())
    return better(backend.minimize(cost, pose, 0, TrustRegion()), polished)


def _weighted_sum(weights: Tensor, values: Tensor) -> Tensor:
    """Sum over samples (S, B), in which a weight of zero also silences an infinite value."""
    return torch.where(weights > 0, weights * values, 0.0).sum(0)
