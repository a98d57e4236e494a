"""Densities of heading and of ground position on grids, and their credible regions.

A density is a sum of kernels at the weighted samples. Their shape is that of the mode (Laplace
covariance), or of all samples if those cover less; their size is chosen for each object by
least-squares cross-validation, so that sharp modes stay apart and broad ones come out smooth.

Heading is the direction of the object's x axis seen from above, in the frame in which gravity
points along y; ground position is (x, z) in that frame, metres.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from epropnp import linear
from epropnp.distributions import von_mises_log_prob, whiten
from epropnp.fitting import cholesky_or, circular_moments, weighted_moments
from epropnp.manifolds import PoseManifold
from epropnp.mixture import systematic_index
from epropnp.posterior import PoseDistribution
from epropnp.precision import full_precision

WINDOW = 4.0  # half width of a default grid, in standard deviations
SIZES = (0.1, 0.15, 0.22, 0.33, 0.5, 0.75, 1.1, 1.7, 2.5, 4.0, 6.0)  # tried for the kernels
VALIDATION_ROWS = 128  # samples at which kernel sizes are compared
CHUNK = 2**22  # kernels held at a time, 16 MB in float32
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


class _Part(NamedTuple):
    """What a marginal density of some objects is made of; see `PoseDistribution`."""

    manifold: PoseManifold
    pose_opt: Tensor
    pose_cov: Tensor
    pose_samples: Tensor
    pose_sample_weights: Tensor


def _parts(distribution: PoseDistribution, pairs: int) -> Iterator[_Part]:
    """A distribution in parts of so many objects that about `CHUNK` kernels are held at a time.

    Args:
        distribution: of B objects; none at all is one part.
        pairs: kernels per object.
    """
    manifold, total = distribution.pose_cost.manifold, len(distribution.pose_opt)
    gravity = getattr(manifold, "gravity", None)
    size = max(1, CHUNK // max(pairs, 1))
    for first in range(0, max(total, 1), size):
        own = slice(first, first + size)
        if gravity is not None and gravity.dim() == 3:
            manifold = replace(manifold, gravity=gravity.expand(total, 3, 3)[own])
        yield _Part(
            manifold,
            distribution.pose_opt[own],
            distribution.pose_cov[own],
            distribution.pose_samples[:, own],
            distribution.pose_sample_weights[:, own],
        )


@torch.no_grad()
@full_precision
def yaw_density(distribution: PoseDistribution, num: int = 360) -> YawDensity:
    """Marginal density of the heading at ``num`` angles around the circle."""
    like = distribution.pose_opt
    yaw = torch.arange(num, dtype=like.dtype, device=like.device) / num
    yaw = (2.0 * yaw - 1.0) * torch.pi
    pairs = max(num, VALIDATION_ROWS) * len(distribution.pose_samples)
    return YawDensity(yaw, torch.cat([_yaw(part, yaw) for part in _parts(distribution, pairs)]))


def _yaw(part: _Part, yaw: Tensor) -> Tensor:
    """Density (B, G) of the heading at angles (G,)."""
    weights = part.pose_sample_weights
    angles = heading(part.manifold, part.pose_samples)
    _, circular_variance = circular_moments(angles, weights)
    spread = -2.0 * torch.log1p(-circular_variance.clamp(max=1.0 - 1e-6))
    variance = torch.minimum(_heading_variance(part), spread)
    floor = (HALF_CELL * 2.0 * torch.pi / len(yaw)) ** 2
    index = systematic_index(weights, VALIDATION_ROWS)
    offsets = angles.gather(0, index).unsqueeze(1) - angles

    def kernel(squared_scale: float) -> Tensor:
        return von_mises_log_prob(offsets, 1.0 / (squared_scale * variance + floor)).exp()

    scale = cross_validated_scale(kernel, weights, index)
    concentration = 1.0 / (scale.square() * variance + floor)
    kernels = von_mises_log_prob(yaw[:, None, None] - angles, concentration).exp()
    return (kernels * weights).sum(1).T


@torch.no_grad()
@full_precision
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
    pairs = max(num, VALIDATION_ROWS) * len(distribution.pose_samples)
    found, first = [], 0
    for part in _parts(distribution, pairs):
        own = slice(first, first + len(part.pose_opt))
        first = own.stop
        axes = (None if axis is None else axis[own] for axis in (x, z))
        found.append(_ground(part, num, *axes))
    return GroundDensity(*(torch.cat(pieces) for pieces in zip(*found, strict=True)))


def _ground(part: _Part, num: int, x: Tensor | None, z: Tensor | None) -> GroundDensity:
    """`ground_density` of some objects at once."""
    positions = ground_position(part.manifold, part.pose_samples)
    mean, sample_covariance = weighted_moments(positions, part.pose_sample_weights)
    shape = _factor(_narrower(_ground_covariance(part), sample_covariance))
    index = systematic_index(part.pose_sample_weights, VALIDATION_ROWS)
    rows = positions.gather(0, index.unsqueeze(-1).expand(-1, -1, 2))
    white = whiten(shape, (rows.unsqueeze(1) - positions).flatten(0, 1))
    distance = white.square().sum(-1).unflatten(0, (VALIDATION_ROWS, len(positions)))

    def kernel(squared_scale: float) -> Tensor:
        return torch.exp(-0.5 * distance / squared_scale) / squared_scale

    scale = cross_validated_scale(kernel, part.pose_sample_weights, index)
    shape = shape * scale[:, None, None]

    half_width = WINDOW * sample_covariance.diagonal(dim1=-2, dim2=-1).sqrt()
    unit = torch.linspace(-1.0, 1.0, num, dtype=mean.dtype, device=mean.device)
    x = mean[:, :1] + unit * half_width[:, :1] if x is None else x
    z = mean[:, 1:] + unit * half_width[:, 1:] if z is None else z
    steps = HALF_CELL * torch.stack((x[:, 1] - x[:, 0], z[:, 1] - z[:, 0]), dim=-1)
    factor = _factor(linear.product(shape, shape.mT) + torch.diag_embed(steps.square()))
    rows = [_kernel_sum(x, row, positions, part.pose_sample_weights, factor) for row in z.unbind(1)]
    return GroundDensity(x, z, torch.stack(rows, dim=1))


def cross_validated_scale(
    kernel: Callable[[float], Tensor], weights: Tensor, index: Tensor
) -> Tensor:
    """Kernel size (B,) with the least estimated integrated squared error of the density.

    The error is the integral of the squared estimate minus twice its mean at the samples, each
    left out of the estimate at its own place (Rudemo 1982, Bowman 1984).

    Args:
        kernel: gives the kernels (R, S, B) between chosen samples and all samples, for a squared
            size; the sum of two squared sizes is the size of a kernel smoothed by another.
        weights: (S, B) of the samples.
        index: (R, B) the chosen samples, drawn in proportion to the weights.
    """
    own = index.unsqueeze(1)
    rest = weights.expand(len(index), *weights.shape).scatter(1, own, 0.0)
    rest = rest / rest.sum(1, keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)
    errors = []
    for size in SIZES:
        squared = (kernel(2.0 * size**2) * weights).sum(1).mean(0)
        errors.append(squared - 2.0 * (kernel(size**2) * rest).sum(1).mean(0))
    best = torch.stack(errors).nan_to_num(nan=0.0).argmin(0)
    return linear.constants(SIZES, weights)[best]


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
    return linear.apply(_ground_rotation(manifold, vectors), vectors)


def _ground_rotation(manifold: PoseManifold, like: Tensor) -> Tensor:
    """Rotation (3, 3) or (B, 3, 3) from the camera to the gravity-aligned frame."""
    gravity = getattr(manifold, "gravity", None)
    return (
        torch.eye(3, dtype=like.dtype, device=like.device) if gravity is None else gravity.to(like)
    )


def _heading_variance(part: _Part) -> Tensor:
    """Laplace variance (B,) of the heading at the mode."""
    manifold, mode = part.manifold, part.pose_opt
    axis = manifold.rotation_matrix(mode)[..., 0]
    x, _, z = to_ground_frame(manifold, axis).unbind(-1)
    planar = (x.square() + z.square()).clamp(min=torch.finfo(x.dtype).tiny)
    by_ground = torch.stack((z / planar, torch.zeros_like(x), -x / planar), dim=-1)
    by_axis = linear.apply(_ground_rotation(manifold, axis).mT, by_ground)[..., None, :, None]
    by_step = manifold.turn_gradient(axis.unsqueeze(-1), by_axis)[..., 0, 0]
    rotation = part.pose_cov[:, 3:, 3:]
    return (by_step * linear.apply(rotation, by_step)).sum(-1)


def _ground_covariance(part: _Part) -> Tensor:
    """Laplace covariance (B, 2, 2) of the ground position at the mode."""
    covariance = part.pose_cov[:, :3, :3]
    plane = _ground_rotation(part.manifold, covariance)[..., ::2, :]
    return linear.product(linear.product(plane, covariance), plane.mT)


def _factor(covariance: Tensor) -> Tensor:
    """Cholesky factor of covariances (B, 2, 2); the standard deviations where there is none."""
    deviations = covariance.diagonal(dim1=-2, dim2=-1).sqrt()
    return cholesky_or(covariance, torch.diag_embed(deviations))


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
