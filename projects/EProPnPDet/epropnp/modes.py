"""The distinct modes of a pose density, and the mass of each.

Poses drawn in proportion to the weights of the samples are solved to the minimum next to them;
minima less than a standard deviation apart are one mode. Every sample then counts for the mode
that is nearest to it, measured by the mode's own covariance.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from epropnp import linear
from epropnp.backends import Backend, EagerBackend
from epropnp.cost import PoseCost
from epropnp.levenberg_marquardt import Solution, TrustRegion
from epropnp.mixture import systematic_index
from epropnp.posterior import PoseDistribution, canonical
from epropnp.tangent import step_between

NUM_STARTS = 32  # per object; a mode of a tenth of the mass is missed with a chance of 3 %
SOLVER_STEPS = 15  # from a sample, which is near a minimum already
SAME_MODE = 1.0  # standard deviations between minima that are one mode


class PoseModes(NamedTuple):
    """Up to K modes of each of B densities, by falling mass.

    Attributes:
        pose_opt: (K, B, P); yaw in [-pi, pi), the real part of a quaternion not negative.
        pose_cov: (K, B, D, D) covariance of a tangent step there, in the Laplace approximation.
        cost: (K, B) at `pose_opt`.
        mass: (K, B) probability, of sum one over the modes; zero where there is no mode.
        exists: (K, B) mask of the modes; the other entries mean nothing.
    """

    pose_opt: Tensor
    pose_cov: Tensor
    cost: Tensor
    mass: Tensor
    exists: Tensor

    @property
    def count(self) -> Tensor:
        """Number of modes (B,)."""
        return self.exists.sum(0)


@torch.no_grad()
def pose_modes(
    distribution: PoseDistribution,
    max_modes: int = 8,
    min_mass: float = 0.01,
    num_starts: int = NUM_STARTS,
    backend: Backend | None = None,
) -> PoseModes:
    """Distinct modes of a pose distribution.

    Only modes that some samples have found can be here; let the layer start and sample widely
    where an object may be ambiguous. An object that is not valid has none.

    Args:
        distribution: pose distribution of B objects.
        max_modes: K.
        min_mass: modes with less are given to the nearest other one.
        num_starts: samples that are solved, per object.
        backend: arithmetic.

    Raises:
        ValueError: numbers that make no sense.
    """
    if max_modes < 1 or num_starts < 1 or not 0.0 <= min_mass < 1.0:
        raise ValueError(
            "max_modes and num_starts must be positive and min_mass in [0, 1), got "
            f"{max_modes}, {num_starts} and {min_mass}"
        )
    cost, backend = distribution.pose_cost, backend or EagerBackend()
    index = systematic_index(distribution.pose_sample_weights, num_starts).unsqueeze(-1)
    poses = distribution.pose_samples
    starts = poses.gather(0, index.expand(-1, -1, poses.shape[-1]))
    starts = torch.cat((distribution.pose_opt.unsqueeze(0), starts))
    found = backend.minimize(cost, starts, SOLVER_STEPS, TrustRegion())
    modes, exists = _distinct(cost, found, max_modes)
    exists = exists & distribution.valid

    mass = _mass(cost, modes, exists, distribution)
    mass = _mass(cost, modes, exists & (mass >= min_mass), distribution)
    order = mass.argsort(dim=0, descending=True)
    covariance, _ = modes.covariance()
    return PoseModes(
        canonical(_take(modes.pose_opt, order)),
        _take(covariance, order),
        _take(modes.cost, order),
        _take(mass, order),
        _take(mass, order) > 0,
    )


def _distinct(cost: PoseCost, found: Solution, num: int) -> tuple[Solution, Tensor]:
    """Up to K different minima of (Q, B) solutions, from the lowest up, and a mask (K, B)."""
    value = torch.where(found.cost.isfinite(), found.cost, math.inf)
    picked, exists = [], []
    for _ in range(num):
        lowest, index = value.min(0)
        exists.append(lowest.isfinite())
        mode = Solution(*(_take(field, index.unsqueeze(0))[0] for field in found))
        picked.append(mode)
        step = step_between(cost.manifold, mode.pose_opt, found.pose_opt)
        # of the two curvatures the flatter one decides: a ridge is one mode, not many
        squared = torch.minimum(_squared(step, mode.hessian), _squared(step, found.hessian))
        value = torch.where(squared < SAME_MODE**2, math.inf, value)
        value.scatter_(0, index.unsqueeze(0), math.inf)
    return Solution(*(torch.stack(fields) for fields in zip(*picked, strict=True))), torch.stack(
        exists
    )


def _mass(
    cost: PoseCost, modes: Solution, exists: Tensor, distribution: PoseDistribution
) -> Tensor:
    """Weight (K, B) of the samples nearest to each mode."""
    distances = []
    for pose, hessian, there in zip(modes.pose_opt, modes.hessian, exists, strict=True):
        step = step_between(cost.manifold, pose, distribution.pose_samples)
        squared = _squared(step, hessian)
        distances.append(torch.where(there & squared.isfinite(), squared, math.inf))
    distances = torch.stack(distances)  # (K, S, B)
    nearest = distances.argmin(0)
    modes_axis = torch.arange(len(distances), device=nearest.device)[:, None, None]
    share = (nearest == modes_axis) & exists.unsqueeze(1)
    mass = torch.where(share, distribution.pose_sample_weights, 0.0).sum(1)
    return mass / mass.sum(0).clamp(min=torch.finfo(mass.dtype).tiny)


def _squared(step: Tensor, hessian: Tensor) -> Tensor:
    """Squared length (..., B) of steps (..., B, D) in standard deviations."""
    return (step * linear.apply(hessian, step)).sum(-1)


def _take(tensor: Tensor, index: Tensor) -> Tensor:
    """Entries of (Q, B, ...) at indices (K, B)."""
    return tensor[index, torch.arange(index.shape[1], device=index.device)]
