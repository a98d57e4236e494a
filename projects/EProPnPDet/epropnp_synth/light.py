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
_OVERCAST = ((1.0, 0.98, 0.95), (0.72, 0.76, 0.82), (0.42, 0.48, 0.56), (0.72, 0.75, 0.78))
_EVENING = ((2.7, 1.9, 1.1), (0.36, 0.38, 0.52), (0.16, 0.22, 0.48), (0.90, 0.62, 0.42))
_FAIR = ((2.2, 2.1, 2.0), (0.50, 0.56, 0.66), (0.20, 0.36, 0.66), (0.62, 0.72, 0.82))
_WEATHERS = (
    (*_CLEAR, 700.0, 0.3, (35, 65)),
    (*_OVERCAST, 350.0, 0.9, (35, 60)),
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
    exposure = float(rng.uniform(0.8, 1.05))
    return Light(
        direction, sun, ambient, zenith, horizon, haze, clouds, exposure, int(rng.integers(2**31))
    )


def sky_color(light: Light, directions: NDArray) -> NDArray:
    """Linear RGB (R, 3) seen along unit directions (R, 3) that meet nothing."""
    up = np.clip(directions[:, 2], 0, 1)
    blend = np.sqrt(up)[:, None]
    color = (1 - blend) * np.asarray(light.horizon) + blend * np.asarray(light.zenith)
    plane = directions[:, :2] / np.maximum(up, 0.03)[:, None]
    tile = noise_tile(light.seed)
    cover = 0.6 * sample_tile(tile, 14 * plane) + 0.4 * sample_tile(tile, 45 * plane)
    density = np.clip((cover - 0.75 + 0.5 * light.clouds) * 3.5, 0, 1) * np.clip(up * 6, 0, 1)
    white = np.asarray(light.horizon) * 0.5 + 0.45 * np.asarray(light.sun) / max(light.sun)
    color += (density * (0.4 + 0.45 * (1 - light.clouds)))[:, None] * (white - color)
    toward_sun = np.clip(directions @ np.asarray(light.sun_direction), 0, 1)
    glow = 0.25 * toward_sun**16 + 3.0 * (toward_sun > 0.9994)
    color += (glow * (1.1 - light.clouds))[:, None] * np.asarray(light.sun) / max(light.sun)
    return _with_skyline(light, directions, color)


def _with_skyline(light: Light, directions: NDArray, color: NDArray) -> NDArray:
    """Distant hills and roofs in haze, below a height that depends on the azimuth."""
    azimuth = np.arctan2(directions[:, 1], directions[:, 0])
    tile = noise_tile(light.seed + 1)
    hills = sample_tile(tile, np.stack([azimuth * 18, 0 * azimuth], 1))
    roofs = np.floor(
        6 * sample_tile(tile, np.stack([np.floor(azimuth * 55) * 7, 0 * azimuth + 90], 1))
    )
    height = np.maximum(0.02 + 0.05 * hills, 0.012 * roofs)
    below = directions[:, 2] < height
    far = 0.62 * np.asarray(light.horizon) + 0.05 * np.array([0.3, 0.5, 0.8])
    color[below] = far
    return color
