"""A 32-beam spinning lidar over the same geometry as the cameras."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from epropnp_data.geometry.poses import Pose
from epropnp_data.nuscenes.records import SensorCalibration

from .snapshot import GROUND, Snapshot

BEAMS = 32
ELEVATION = (-30.67, 10.67)  # degrees, lowest and highest beam
COLUMNS = 1084
RANGE = (1.0, 90.0)  # metres


class LidarSweep(NamedTuple):
    """One turn of the lidar.

    Attributes:
        points: (P, 5) float32: x, y, z in the lidar frame, intensity 0..255, ring.
        geometry: (P,) index of the geometry each point lies on.
    """

    points: NDArray
    geometry: NDArray


def scan(
    snapshot: Snapshot,
    calibration: SensorCalibration,
    ego_to_global: Pose,
    rng: np.random.Generator,
) -> LidarSweep:
    """Cast all beams; points beyond the range and some of the dark or distant ones get lost."""
    elevation = np.radians(np.linspace(*ELEVATION, BEAMS))
    azimuth = np.linspace(-np.pi, np.pi, COLUMNS, endpoint=False)
    ring = np.tile(np.arange(BEAMS), COLUMNS)
    a, e = np.repeat(azimuth, BEAMS), np.tile(elevation, COLUMNS)
    beams = np.stack([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)], 1)
    ego_to_local = snapshot.to_local(ego_to_global)
    mount = calibration.sensor_to_ego
    rotation = ego_to_local.matrix @ mount.matrix
    origin = ego_to_local.apply(np.asarray(mount.translation))
    hits = snapshot.caster.first_hit(origin, beams @ rotation.T)
    brightness = _brightness(snapshot, hits.geometry, hits.triangle)
    # The dimmer and farther, the likelier no echo comes back.
    echo = rng.uniform(size=len(beams)) < np.clip((0.3 + brightness) * 60 / hits.distance, 0, 0.98)
    keep = (hits.distance > RANGE[0]) & (hits.distance < RANGE[1]) & echo
    xyz = hits.distance[keep, None] * beams[keep]
    intensity = np.clip(100 * brightness[keep] + rng.normal(0, 3, keep.sum()), 0, 255)
    points = np.column_stack([xyz, np.round(intensity), ring[keep]]).astype(np.float32)
    return LidarSweep(points, hits.geometry[keep])


def _brightness(snapshot: Snapshot, geometry: NDArray, triangle: NDArray) -> NDArray:
    index = snapshot.triangle_index(np.maximum(geometry, 0), np.maximum(triangle, 0))
    brightness = snapshot.colors[index].mean(1)
    return np.where(geometry == GROUND, 0.12, brightness)
