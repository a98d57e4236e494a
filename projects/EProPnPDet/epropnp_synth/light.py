"""Sun, sky, haze and weather of a scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .noise import noise_tile, sample_tile


@dataclass(frozen=True)
class Light:
    """One weather.

    Attributes:
        sun_direction: unit vector (3,) towards the sun.
        sun: linear RGB of direct light.
        ambient: linear RGB of light from the sky.
        zenith, horizon: linear RGB of the sky.
        haze: metres after which 63 % of the contrast is gone.
        clouds: 0 clear to 1 overcast.
        exposure: factor before tone mapping.
        seed: seed of clouds and skyline.
    """

    sun_direction: tuple[float, float, float]
    sun: tuple[float, float, float]
    ambient: tuple[float, float, float]
    zenith: tuple[float, float, float]
    horizon: tuple[float, float, float]
    haze: float
    clouds: float
    exposure: float
    seed: int


# sun, ambient, zenith, horizon, haze, clouds, range of the sun's elevation in degrees
_CLEAR = ((2.6, 2.4, 2.1), (0.42, 0.50, 0.66), (0.10, 0.24, 0.62), (0.55, 0.68, 0.85))
_OVERCAST = ((1.7, 1.66, 1.6), (0.55, 0.59, 0.66), (0.40, 0.47, 0.58), (0.72, 0.76, 0.80))
_EVENING = ((2.7, 1.9, 1.1), (0.36, 0.38, 0.52), (0.16, 0.22, 0.48), (0.90, 0.62, 0.42))
_FAIR = ((2.2, 2.1, 2.0), (0.50, 0.56, 0.66), (0.20, 0.36, 0.66), (0.62, 0.72, 0.82))
_WEATHERS = (
    (*_CLEAR, 700.0, 0.3, (30, 65)),
    (*_OVERCAST, 450.0, 0.85, (35, 60)),
    (*_EVENING, 450.0, 0.5, (12, 22)),
    (*_FAIR, 500.0, 0.6, (28, 50)),
)


def draw_light(rng: np.random.Generator) -> Light:
    """A random weather: clear, overcast, evening or fair."""
    sun, ambient, zenith, horizon, haze, clouds, elevation = _WEATHERS[rng.integers(len(_WEATHERS))]
    height, azimuth = np.radians(rng.uniform(*elevation)), rng.uniform(0, 2 * np.pi)
    direction = (
        float(np.cos(height) * np.cos(azimuth)),
        float(np.cos(height) * np.sin(azimuth)),
        float(np.sin(height)),
    )
    exposure = float(rng.uniform(0.9, 1.2))
    return Light(
        direction, sun, ambient, zenith, horizon, haze, clouds, exposure, int(rng.integers(2**31))
    )


def float3(values: tuple[float, float, float]) -> NDArray:
    """Three numbers as float32, the precision of all shading."""
    return np.asarray(values, np.float32)


def sky_gradient(light: Light, directions: NDArray) -> NDArray:
    """Linear RGB (R, 3) of a sky without clouds or sun along unit directions (R, 3)."""
    blend = np.sqrt(np.clip(directions[:, 2:], 0, 1))
    return (1 - blend) * float3(light.horizon) + blend * float3(light.zenith)


def sky_color(light: Light, directions: NDArray) -> NDArray:
    """Linear RGB (R, 3) seen along unit directions (R, 3) that meet nothing."""
    color = sky_gradient(light, directions)
    up = np.clip(directions[:, 2], 0, 1)
    plane = directions[:, :2] / np.maximum(up, 0.03)[:, None]
    tile = noise_tile(light.seed)
    cover = 0.6 * sample_tile(tile, 14 * plane) + 0.4 * sample_tile(tile, 45 * plane)
    density = np.clip((cover - 0.75 + 0.5 * light.clouds) * 3.5, 0, 1) * np.clip(up * 6, 0, 1)
    sunlight = float3(light.sun) / max(light.sun)
    white = 0.5 * float3(light.horizon) + 0.45 * sunlight
    color += (density * (0.4 + 0.45 * (1 - light.clouds)))[:, None] * (white - color)
    toward_sun = np.clip(directions @ float3(light.sun_direction), 0, 1)
    glow = 0.25 * toward_sun**16 + 3.0 * (toward_sun > 0.9994)
    color += (glow * (1.1 - light.clouds))[:, None] * sunlight
    below = directions[:, 2] < _skyline(light, directions)
    color[below] = 0.62 * float3(light.horizon) + float3((0.015, 0.025, 0.04))
    return color


def _skyline(light: Light, directions: NDArray) -> NDArray:
    """Sine of the elevation (R,) below which distant hills and roofs hide the sky."""
    azimuth = np.arctan2(directions[:, 1], directions[:, 0])
    tile = noise_tile(light.seed + 1)
    hills = sample_tile(tile, np.stack([azimuth * 18, np.zeros_like(azimuth)], 1))
    blocks = np.stack([np.floor(azimuth * 55) * 7, np.full_like(azimuth, 90)], 1)
    roofs = np.floor(6 * sample_tile(tile, blocks))
    return np.maximum(0.02 + 0.05 * hills, 0.012 * roofs)
