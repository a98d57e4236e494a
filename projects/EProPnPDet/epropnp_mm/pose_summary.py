"""A pose distribution in numbers for files: credible intervals, trust, densities on grids.

What the names mean stands in ``docs/results_folder.md``. Shapes: S samples, B objects.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from epropnp.manifolds import PoseManifold
from epropnp.marginals import (
    credible_cells,
    ground_density,
    ground_position,
    heading,
    yaw_density,
)
from epropnp.posterior import PoseDistribution
from epropnp_results.analysis.intervals import AXES, Margins, stretch_all

LEVELS = (0.5, 0.9)
YAW_CELLS, GROUND_CELLS, NUM_POSES = 180, 40, 64


class Tolerance(NamedTuple):
    """How near a pose counts as right: metres, share of the distance, degrees."""

    metres: float
    share: float
    degrees: float


DETECTION = Tolerance(0.5, 0.05, 20.0)
POSE = Tolerance(0.005, 0.02, 5.0)


class Corrections(NamedTuple):
    """What a calibration fitted on held-out results does to the densities of B objects.

    Attributes:
        place: (B,) temperatures of positions.
        heading: (B,) temperatures of headings.
        levels: by "place" and "heading": for a wanted level, as text, the nominal level of regions
            that hold the truth so often (split conformal).
        margins: of the intervals of position of the density without a temperature, see
            :mod:`epropnp_results.analysis.intervals`; None leaves the tempered density's.
    """

    place: Tensor
    heading: Tensor
    levels: dict[str, dict[str, float]]
    margins: Margins | None = None


class PoseSummary(NamedTuple):
    """Lists over B objects, and arrays whose first axis counts them."""

    intervals: list[list[dict]]
    trust: list[dict[str, float]]
    arrays: dict[str, np.ndarray]


@torch.no_grad()
def summarize(
    distribution: PoseDistribution,
    poses: Tensor,
    points: tuple[Tensor, Tensor, Tensor],
    tolerance: Tolerance = DETECTION,
    to_camera: Tensor | None = None,
    corrections: Corrections | None = None,
    tempered: PoseDistribution | None = None,
) -> PoseSummary:
    """Summaries of the distributions of B objects.

    Args:
        distribution: pose distribution.
        poses: (B, P) poses that are reported.
        points: ``x3d`` (B, n, 3), ``x2d`` (B, n, 2) and ``w2d`` (B, n, 2).
        tolerance: of the trust.
        to_camera: (B, 3, 3) rotations of positions into the camera frame, for distributions in the
            frame of a levelled camera; densities on the ground stay as they are.
        corrections: of a calibration; samples are weighted by the temperature of positions,
            densities on grids have their own.
        tempered: the distribution at that temperature, where it was sampled anew; otherwise the
            samples are weighted anew (`temper`).
    """
    grids = _grids(distribution, corrections)
    margins = None if corrections is None else corrections.margins
    positions = position_intervals(distribution, to_camera)
    if corrections is not None:
        distribution = tempered or temper(distribution, corrections.place)
        if margins is None:
            positions = position_intervals(distribution, to_camera)
    positions = stretch_all(positions, LEVELS, margins or {})
    arrays = dict(zip(("points_object", "points_image", "weights"), points, strict=True))
    arrays["poses"] = _turn(distribution.resample(NUM_POSES), to_camera).transpose(0, 1)
    trust = _trust(distribution, poses, points[2], tolerance)
    arrays |= grids
    if grids:
        trust |= _heading_numbers(distribution, grids["yaw_density"])
    nominal = {} if corrections is None else corrections.levels
    columns = {name: values.tolist() for name, values in trust.items()}
    return PoseSummary(
        [
            _intervals(positions[index], grids.get("yaw_density"), nominal, index)
            for index in range(len(poses))
        ],
        [{name: values[index] for name, values in columns.items()} for index in range(len(poses))],
        {name: _compact(name, array) for name, array in arrays.items()},
    )


@torch.no_grad()
def temper(distribution: PoseDistribution, temperatures: Tensor) -> PoseDistribution:
    """Distribution of density p^(1 / T), normalised again, by other weights of the same samples.

    Mode, covariance and cost stay those of p.

    Args:
        distribution: of B objects.
        temperatures: (B,) above 0; above 1 flattens.
    """
    power = 1 / temperatures
    log_weights = distribution.pose_sample_weights.log() + (power - 1) * distribution.log_density
    shift = log_weights.logsumexp(0)
    return replace(
        distribution,
        pose_sample_weights=(log_weights - shift).exp().nan_to_num(nan=0.0),
        log_density=power * distribution.log_density - shift,
    )


@torch.no_grad()
def position_intervals(
    distribution: PoseDistribution, to_camera: Tensor | None = None
) -> np.ndarray:
    """Central intervals (B, L, 4, 2) at `LEVELS` of x, y, z and distance, metres.

    Args:
        distribution: of B objects.
        to_camera: see `summarize`.
    """
    places = _turn(distribution.pose_samples, to_camera)[..., :3]
    values = torch.cat((places, places.norm(dim=-1, keepdim=True)), dim=-1)
    weights = distribution.pose_sample_weights
    ends = [end for level in LEVELS for end in (0.5 - level / 2, 0.5 + level / 2)]
    found = [weighted_quantiles(own, weights, tuple(ends)) for own in values.unbind(-1)]
    quantiles = torch.stack(found, dim=-1).unflatten(0, (len(LEVELS), 2))  # (L, 2, B, 4)
    return quantiles.permute(2, 0, 3, 1).double().cpu().numpy()


def weighted_quantiles(values: Tensor, weights: Tensor, levels: tuple[float, ...]) -> Tensor:
    """Quantiles (L, B) of samples (S, B) with weights of sum one (S, B)."""
    order = values.argsort(0)
    mass = weights.gather(0, order).cumsum(0)
    wanted = values.new_tensor(levels)[:, None, None]
    index = (mass < wanted).sum(1).clamp(max=len(values) - 1)
    return values.gather(0, order).gather(0, index)


def arcs(inside: np.ndarray) -> list[list[float]]:
    """Intervals of angles, from a mask (G,) at even steps from -pi around the circle.

    An interval may run across pi; then its end is larger than pi.
    """
    step = 2 * np.pi / len(inside)
    if inside.all():
        return [[-np.pi, np.pi]]
    starts = np.flatnonzero(inside & ~np.roll(inside, 1))
    found = []
    for start in starts:
        length = int(np.argmin(np.roll(inside, -start)))
        low = -np.pi + (start - 0.5) * step
        found.append([float(low), float(low + length * step)])
    return found


def _grids(distribution: PoseDistribution, corrections: Corrections | None) -> dict[str, Tensor]:
    """Densities of heading and place on the ground, of 4DoF poses only."""
    if distribution.pose_cost.manifold.dof != 4:
        return {}
    headings = yaw_density(distribution, YAW_CELLS).density
    ground = ground_density(distribution, GROUND_CELLS)
    place = ground.density
    if corrections is not None:
        headings = _flattened(headings, corrections.heading)
        place = _flattened(place, corrections.place)
    return dict(yaw_density=headings, ground_x=ground.x, ground_z=ground.z, ground_density=place)


def _flattened(density: Tensor, temperatures: Tensor) -> Tensor:
    """Densities (B, ...) on equal cells, to the power of 1 / T (B,); their mass stays."""
    flat = density.flatten(1)
    peak = flat.amax(1, keepdim=True).clamp(min=torch.finfo(flat.dtype).tiny)
    power = (flat / peak) ** (1 / temperatures.to(flat))[:, None]
    scale = flat.sum(1, keepdim=True) / power.sum(1, keepdim=True).clamp(min=1e-12)
    return (power * scale).view_as(density)


def _turn(poses: Tensor, rotations: Tensor | None) -> Tensor:
    """Poses (S, B, P) with their positions turned by (B, 3, 3)."""
    if rotations is None:
        return poses
    places = (rotations.to(poses) @ poses[..., :3, None]).squeeze(-1)
    return torch.cat((places, poses[..., 3:]), dim=-1)


def _intervals(
    positions: np.ndarray,
    headings: Tensor | None,
    nominal: dict[str, dict[str, float]],
    index: int,
) -> list[dict]:
    found = []
    for level, own in zip(LEVELS, positions.tolist(), strict=True):
        interval: dict = dict(level=level) | dict(zip(AXES, own, strict=True))
        known = {key: own[str(level)] for key, own in nominal.items() if str(level) in own}
        interval |= {f"{name}_level": value for name, value in known.items()}
        if headings is not None:
            inside = credible_cells(headings[index : index + 1], known.get("heading", level))[0]
            interval["yaw"] = arcs(inside.cpu().numpy())
        found.append(interval)
    return found


def _trust(
    distribution: PoseDistribution, poses: Tensor, w2d: Tensor, tolerance: Tolerance
) -> dict[str, Tensor]:
    manifold, samples, weights = (
        distribution.pose_cost.manifold,
        distribution.pose_samples,
        distribution.pose_sample_weights,
    )
    apart, along = _apart(manifold, samples, poses)
    near = apart <= tolerance.metres + tolerance.share * poses[:, :3].norm(dim=-1)
    aligned = _turned(manifold, samples, poses).rad2deg() <= tolerance.degrees
    size = w2d.norm(dim=-1)
    found = {}
    if distribution.diagnostics is not None:
        known = distribution.diagnostics
        found = dict(
            sound=known.trusted, pareto_k=known.pareto_k, clipped_share=known.clipped_share
        )
    mean = (weights * along).sum(0)
    return found | dict(
        trust=(weights * (near & aligned)).sum(0),
        position_std=(weights * apart.square()).sum(0).sqrt(),
        depth_std=(weights * (along - mean).square()).sum(0).sqrt(),
        effective_samples=weights.square().sum(0).reciprocal(),
        effective_points=size.sum(-1).square() / size.square().sum(-1).clamp(min=1e-12),
    )


def _apart(manifold: PoseManifold, samples: Tensor, poses: Tensor) -> tuple[Tensor, Tensor]:
    """Distances (S, B) from the reported place, and their part along the line of sight."""
    if manifold.dof == 4:
        offset = ground_position(manifold, samples) - ground_position(manifold, poses)
        sight = ground_position(manifold, poses)
    else:
        offset, sight = samples[..., :3] - poses[:, :3], poses[:, :3]
    return offset.norm(dim=-1), (offset * torch.nn.functional.normalize(sight, dim=-1)).sum(-1)


def _turned(manifold: PoseManifold, samples: Tensor, poses: Tensor) -> Tensor:
    """Angles (S, B) from the reported rotation, radians."""
    if manifold.dof == 4:
        offset = heading(manifold, samples) - heading(manifold, poses)
        return torch.atan2(offset.sin(), offset.cos()).abs()
    first, second = manifold.rotation_matrix(samples), manifold.rotation_matrix(poses)
    trace = (first * second).sum((-1, -2))
    return ((trace - 1) / 2).clamp(-1, 1).acos()


def _heading_numbers(distribution: PoseDistribution, headings: Tensor) -> dict[str, Tensor]:
    angles = heading(distribution.pose_cost.manifold, distribution.pose_samples)
    sine, cosine = (
        (distribution.pose_sample_weights * f(angles)).sum(0) for f in (torch.sin, torch.cos)
    )
    length = torch.hypot(sine, cosine).clamp(1e-6, 1.0)
    inside = credible_cells(headings, LEVELS[-1])
    starts = (inside & ~inside.roll(1, dims=1)).sum(1)
    return dict(
        heading_std_deg=(-2 * length.log()).sqrt().rad2deg(),
        heading_modes=torch.where(inside.all(1), torch.ones_like(starts), starts),
    )


def _compact(name: str, array: Tensor) -> np.ndarray:
    """Half precision where it is enough for a picture."""
    half = name in ("points_object", "weights", "yaw_density")
    return array.detach().cpu().numpy().astype(np.float16 if half else np.float32)
