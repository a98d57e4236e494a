"""Colour of rays: what they hit, lit by the sun and the sky, seen through haze."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from epropnp_data.raycast import Hits

from .ground import ground_albedo
from .light import Light, float3, sky_color, sky_gradient
from .mesh import FACADE, LEAVES
from .noise import noise_tile, sample_tile
from .snapshot import GROUND, Snapshot

SHADOW_RANGE = 90.0  # metres; farther shadows are too small to see


def shade(snapshot: Snapshot, origin: NDArray, directions: NDArray) -> NDArray:
    """Linear RGB (R, 3) of rays from one origin (3,) along unit directions (R, 3)."""
    hits = snapshot.caster.first_hit(origin, directions)
    light = snapshot.world.light
    color = np.empty((len(directions), 3), np.float32)
    missed = hits.geometry < 0
    color[missed] = sky_color(light, directions[missed])
    seen = np.flatnonzero(~missed)
    color[seen] = _shade_surfaces(
        snapshot, origin, directions[seen], Hits(*(h[seen] for h in hits))
    )
    return color


def _shade_surfaces(snapshot: Snapshot, origin: NDArray, rays: NDArray, hits: Hits) -> NDArray:
    light = snapshot.world.light
    points = float3(origin) + hits.distance[:, None] * rays
    index = snapshot.triangle_index(hits.geometry, hits.triangle)
    normals = snapshot.normals[index]
    normals = normals * -np.sign(_dot(normals, rays))[:, None]
    surface = snapshot.surface[index]
    albedo = _albedo(snapshot, points, normals, hits, index)
    color = albedo * _light(snapshot, points, normals, hits.distance)
    color += albedo * surface[:, 1:2] * 1.1
    shiny = np.flatnonzero(surface[:, 0] > 0)
    color[shiny] += _mirror(light, rays[shiny], normals[shiny], surface[shiny, 0])
    clear = np.exp(-hits.distance / light.haze)[:, None]
    return clear * color + (1 - clear) * float3(light.horizon)


def _dot(a: NDArray, b: NDArray) -> NDArray:
    return np.einsum("ri,ri->r", a, b)


def _albedo(snapshot, points: NDArray, normals: NDArray, hits: Hits, index: NDArray) -> NDArray:
    world = snapshot.world
    albedo = snapshot.colors[index]
    on_ground = np.flatnonzero(hits.geometry == GROUND)
    position = world.road.coordinates(points[on_ground, :2] + snapshot.origin[:2])
    station, offset = (p.astype(np.float32) for p in position)
    albedo[on_ground] = ground_albedo(
        station, offset, hits.distance[on_ground], world.ground, world.seed
    )
    texture = snapshot.surface[index, 2]
    walls = np.flatnonzero(texture == FACADE)
    albedo[walls] *= _facade(points[walls] + snapshot.origin, normals[walls])[:, None]
    leaves = np.flatnonzero(texture == LEAVES)
    tile = noise_tile(world.seed)
    spots = (points[leaves] + snapshot.origin) @ np.array([[5.0, 1.0], [2.0, 6.0], [4.0, -3.0]])
    albedo[leaves] *= (0.45 + 1.1 * sample_tile(tile, spots))[:, None]
    return albedo


def _facade(points_global: NDArray, normals: NDArray) -> NDArray:
    """Factor of a wall's colour (R,): dark window panes in rows and columns."""
    along = points_global[:, 1] * normals[:, 0] - points_global[:, 0] * normals[:, 1]
    u, v = np.mod(along, 2.6) / 2.6, np.mod(points_global[:, 2], 3.1) / 3.1
    pane = (u > 0.25) & (u < 0.75) & (v > 0.32) & (v < 0.82)
    frame = (u > 0.21) & (u < 0.79) & (v > 0.28) & (v < 0.86)
    ledge = v < 0.05
    return np.where(pane, 0.22, np.where(frame, 1.3, np.where(ledge, 0.75, 1.0)))


def _light(snapshot: Snapshot, points: NDArray, normals: NDArray, distance: NDArray) -> NDArray:
    """Light (R, 3) arriving at surface points: sky from above, sun where nothing is in its way."""
    light = snapshot.world.light
    sun = float3(light.sun_direction)
    facing = np.clip(normals @ sun, 0, None)
    lit = facing.copy()
    check = np.flatnonzero((facing > 0) & (distance < SHADOW_RANGE))
    starts = points[check] + 0.01 * normals[check] + 0.005 * sun
    blocked = snapshot.caster.is_blocked(starts, np.broadcast_to(sun, starts.shape))
    lit[check[blocked]] = 0.0
    above = 0.62 + 0.38 * normals[:, 2]
    return above[:, None] * float3(light.ambient) + lit[:, None] * float3(light.sun)


def _mirror(light: Light, rays: NDArray, normals: NDArray, gloss: NDArray) -> NDArray:
    """Mirrored sky (R, 3), stronger at grazing angles; below the horizon dim ground."""
    cosine = np.clip(-_dot(rays, normals), 0, 1)
    mirrored = rays + 2 * cosine[:, None] * normals
    sky = sky_gradient(light, mirrored)
    sky[mirrored[:, 2] < 0] *= 0.25
    strength = gloss + (1 - gloss) * gloss * (1 - cosine) ** 5 * 3
    return np.clip(strength, 0, 0.9)[:, None] * sky
