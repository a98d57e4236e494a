"""Densities of heading and of ground position on grids, and their credible regions.

A density is a sum of kernels at the weighted samples, as wide as the mode (Laplace covariance) or
as all samples if those are closer together, shrunk by the effective number of samples. Modes as
sharp as the main one stay apart, however far.

Heading is the direction of the object's x axis seen from above, in the frame in which gravity
points along y; ground position is (x, z) in that frame, metres.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from epropnp.distributions import von_mises_log_prob
from epropnp.fitting import circular_moments, weighted_moments
from epropnp.manifolds import PoseManifold
from epropnp.posterior import PoseDistribution

WINDOW = 4.0  # half width of a default grid, in standard deviations
HALF_CELL = 0.5  # kernels are at least this wide, in grid steps, so that none falls between points


class YawDensity(NamedTuple):
    """Density of the heading.

    Attributes:
        yaw: (G,) grid over the circle, radians.
        density: (B, G), per radian.
    """

    yaw: Tensor
    density: Tensor


class GroundDensity(NamedTuple):
    """Density of the bird's-eye position.

    Attributes:
        x: (B, G) grid to the right, metres.
        z: (B, G) grid forward, metres.
        density: (B, G, G) at (z, x), per square metre.
    """

    x: Tensor
    z: Tensor
    density: Tensor


@torch.no_grad()
def yaw_density(distribution: PoseDistribution, num: int = 360) -> YawDensity:
    """Marginal density of the heading at ``num`` angles around the circle."""
    weights = distribution.weights
    angles = heading(distribution.cost.manifold, distribution.poses)
    _, circular_variance = circular_moments(angles, weights)
    spread = -2.0 * torch.log1p(-circular_variance.clamp(max=1.0 - 1e-6))
    variance = torch.minimum(_heading_variance(distribution), spread)
    shrink = 1.06 * distribution.effective_sample_size.pow(-0.2)
    step = 2.0 * torch.pi / num
    concentration = 1.0 / (shrink.square() * variance + (HALF_CELL * step) ** 2)

    yaw = torch.arange(num, dtype=angles.dtype, device=angles.device) * step - torch.pi
    kernels = von_mises_log_prob(yaw[:, None, None] - angles, concentration).exp()
    return YawDensity(yaw, (kernels * weights).sum(1).T)


@torch.no_grad()
def ground_density(
    distribution: PoseDistribution, num: int = 64, x: Tensor | None = None, z: Tensor | None = None
) -> GroundDensity:
    """Marginal density of the ground position on a grid.

    Args:
        distribution: pose distribution of B objects.
        num: grid points per axis of a default grid, four standard deviations around the mean.
        x: (B, G) evenly spaced grid of one's own, G at least 2, metres.
        z: (B, G) likewise, metres.
    """
    positions = ground_position(distribution.cost.manifold, distribution.poses)
    mean, sample_covariance = weighted_moments(positions, distribution.weights)
    covariance = _narrower(_ground_covariance(distribution), sample_covariance)
    shrink = distribution.effective_sample_size.pow(-1.0 / 6.0)
    covariance = covariance * shrink.square()[:, None, None]

    half_width = WINDOW * sample_covariance.diagonal(dim1=-2, dim2=-1).sqrt()
    unit = torch.linspace(-1.0, 1.0, num, dtype=mean.dtype, device=mean.device)
    x = mean[:, :1] + unit * half_width[:, :1] if x is None else x
    z = mean[:, 1:] + unit * half_width[:, 1:] if z is None else z
    steps = HALF_CELL * torch.stack((x[:, 1] - x[:, 0], z[:, 1] - z[:, 0]), dim=-1)
    factor = torch.linalg.cholesky_ex(covariance + torch.diag_embed(steps.square())).L
    rows = [_kernel_sum(x, row, positions, distribution.weights, factor) for row in z.unbind(1)]
    return GroundDensity(x, z, torch.stack(rows, dim=1))


def credible_cells(density: Tensor, level: float = 0.95) -> Tensor:
    """Smallest set of equal grid cells that holds a share of the mass on the grid.

    Args:
        density: (B, ...) densities on a grid per object.
        level: share, between 0 and 1.

    Returns:
        Boolean mask of the shape of ``density``; it may have several parts.
    """
    flat = density.flatten(1)
    order = flat.argsort(dim=1, descending=True)
    mass = flat.gather(1, order).cumsum(1)
    inside = mass - flat.gather(1, order) < level * mass[:, -1:]
    return torch.zeros_like(inside).scatter(1, order, inside).view_as(density)


def heading(manifold: PoseManifold, poses: Tensor) -> Tensor:
    """Direction (...,) of the object's x axis about the vertical, radians; 0 is camera right."""
    axis = to_ground_frame(manifold, manifold.rotation_matrix(poses)[..., 0])
    return torch.atan2(-axis[..., 2], axis[..., 0])


def ground_position(manifold: PoseManifold, poses: Tensor) -> Tensor:
    """Position (..., 2) in the ground plane: x to the right and z forward, metres."""
    return to_ground_frame(manifold, poses[..., :3])[..., ::2]


def to_ground_frame(manifold: PoseManifold, vectors: Tensor) -> Tensor:
    """Camera-frame vectors (..., B, 3) in the gravity-aligned frame, if the manifold knows it."""
    return (_ground_rotation(manifold, vectors) @ vectors.unsqueeze(-1)).squeeze(-1)


def _ground_rotation(manifold: PoseManifold, like: Tensor) -> Tensor:
    """Rotation (3, 3) or (B, 3, 3) from the camera to the gravity-aligned frame."""
    gravity = getattr(manifold, "gravity", None)
    return (
        torch.eye(3, dtype=like.dtype, device=like.device) if gravity is None else gravity.to(like)
    )


def _heading_variance(distribution: PoseDistribution) -> Tensor:
    """Laplace variance (B,) of the heading at the mode."""
    manifold, mode = distribution.cost.manifold, distribution.mode
    axis = manifold.rotation_matrix(mode)[..., 0]
    x, _, z = to_ground_frame(manifold, axis).unbind(-1)
    planar = (x.square() + z.square()).clamp(min=torch.finfo(x.dtype).tiny)
    by_ground = torch.stack((z / planar, torch.zeros_like(x), -x / planar), dim=-1)
    by_axis = (by_ground.unsqueeze(-2) @ _ground_rotation(manifold, axis)).unsqueeze(-1)
    by_step = manifold.turn_gradient(axis.unsqueeze(-1), by_axis)[..., 0, 0]
    rotation = distribution.covariance[:, 3:, 3:]
    return (by_step.unsqueeze(-2) @ rotation @ by_step.unsqueeze(-1)).flatten()


def _ground_covariance(distribution: PoseDistribution) -> Tensor:
    """Laplace covariance (B, 2, 2) of the ground position at the mode."""
    covariance = distribution.covariance[:, :3, :3]
    plane = _ground_rotation(distribution.cost.manifold, covariance)[..., ::2, :]
    return plane @ covariance @ plane.mT


def _narrower(first: Tensor, second: Tensor) -> Tensor:
    """Of two covariances (B, 2, 2) the one that covers less area."""
    first_is = torch.linalg.det(first) < torch.linalg.det(second)
    return torch.where(first_is[:, None, None], first, second)


def _kernel_sum(x: Tensor, z: Tensor, positions: Tensor, weights: Tensor, factor: Tensor) -> Tensor:
    """Density (B, G) along one row z (B,) of the grid x (B, G), from samples (S, B, 2)."""
    across = (x - positions[..., :1]) / factor[:, :1, 0]
    along = (z - positions[..., 1]).unsqueeze(-1) - factor[:, 1:, 0] * across
    along = along / factor[:, 1:, 1]
    kernel = torch.exp(-0.5 * (across.square() + along.square()))
    area = 2.0 * torch.pi * factor[:, 0, 0] * factor[:, 1, 1]
    return (kernel * weights.unsqueeze(-1)).sum(0) / area.unsqueeze(-1)
