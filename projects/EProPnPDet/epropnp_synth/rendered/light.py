"""Lamps, materials and shading in the camera frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_LAMPS = 3
SHININESS = (4.0, 60.0)
GLOSS = 0.35  # largest share of mirrored light


class Lamp(NamedTuple):
    """Distant lamp: unit direction towards it (3,), RGB strength (3,), whether it casts shadows."""

    toward: NDArray
    color: NDArray
    shadows: bool


class Light(NamedTuple):
    """Ambient RGB (3,) and lamps."""

    ambient: NDArray
    lamps: list[Lamp]


class Material(NamedTuple):
    """Gloss in [0, 1] and its exponent."""

    gloss: float
    shininess: float


def random_light(rng: np.random.Generator, up_cam: NDArray) -> Light:
    """Ambient light and one to three lamps above, of slightly different colours.

    Args:
        rng: source of random numbers.
        up_cam: (3,) direction that is up, camera frame.
    """
    lamps = []
    ambient = rng.uniform(0.25, 0.75)
    for index in range(rng.integers(1, MAX_LAMPS + 1)):
        toward = rng.standard_normal(3)
        toward /= np.linalg.norm(toward)
        height = toward @ up_cam
        if height < 0:  # mirrored to above the table
            toward = toward - 2 * height * up_cam
        strength = rng.uniform(0.2, 1.0) * (1.2 - ambient) / (1 + index)
        lamps.append(Lamp(toward, strength * _tint(rng), bool(rng.random() < 0.75)))
    return Light(ambient * _tint(rng), lamps)


def random_material(rng: np.random.Generator) -> Material:
    """From matte to glossy."""
    return Material(GLOSS * rng.random() ** 2, float(np.exp(rng.uniform(*np.log(SHININESS)))))


def shade(
    light: Light,
    material: Material,
    colors: NDArray,
    normals_cam: NDArray,
    points_cam: NDArray,
    lit: NDArray,
) -> NDArray:
    """Blinn-Phong shading, RGB (N, 3), not clipped.

    Args:
        light: ambient light and L lamps.
        material: of the surface.
        colors: (N, 3) of the surface.
        normals_cam: (N, 3) unit normals; they are turned towards the camera.
        points_cam: (N, 3).
        lit: (L, N) in [0, 1], how much of each lamp arrives.
    """
    toward_eye = -points_cam / np.linalg.norm(points_cam, axis=1, keepdims=True)
    away = (normals_cam * toward_eye).sum(axis=1, keepdims=True) < 0
    normals = np.where(away, -normals_cam, normals_cam)
    result = colors * light.ambient
    for lamp, arrives in zip(light.lamps, lit, strict=True):
        facing = np.maximum(normals @ lamp.toward, 0) * arrives
        half = toward_eye + lamp.toward
        half /= np.maximum(np.linalg.norm(half, axis=1, keepdims=True), 1e-9)
        mirrored = np.maximum((normals * half).sum(axis=1), 0) ** material.shininess
        mirrored = material.gloss * mirrored * (facing > 0) * arrives
        result = result + (colors * facing[:, None] + mirrored[:, None]) * lamp.color
    return result


def _tint(rng: np.random.Generator) -> NDArray:
    return 1 + rng.uniform(-0.12, 0.12, size=3)
