"""Things that are not annotated: buildings, trees, lamp posts, signs."""

from __future__ import annotations

import numpy as np

from ..mesh import FACADE, LEAVES, Material, Mesh, ball, block, join, limb
from .materials import STEEL

_WALLS = (
    (0.42, 0.36, 0.30), (0.48, 0.45, 0.40), (0.30, 0.16, 0.11), (0.36, 0.38, 0.40),
    (0.50, 0.42, 0.28), (0.22, 0.26, 0.30), (0.45, 0.30, 0.24),
)  # fmt: skip


def building(length: float, depth: float, height: float, rng: np.random.Generator) -> Mesh:
    """Block with window rows and a flat roof with a parapet or a hut."""
    color = np.asarray(_WALLS[rng.integers(len(_WALLS))]) * rng.uniform(0.7, 1.15)
    wall = Material(tuple(color.tolist()), texture=FACADE)
    roof = Material((0.12, 0.12, 0.13))
    a, b = length / 2, depth / 2
    parts = [block((-a, -b, 0), (a, b, height), wall, faces={"top": roof})]
    parts.append(block((-a - 0.2, -b - 0.2, height), (a + 0.2, b + 0.2, height + 0.5), roof))
    if rng.uniform() < 0.5:
        parts.append(block((-0.4 * a, -0.4 * b, height), (0.3 * a, 0.3 * b, height + 3), wall))
    return join(parts)


def tree(height: float, rng: np.random.Generator) -> Mesh:
    """Trunk and a crown of a few lumps, or a conifer."""
    trunk = Material((0.07, 0.045, 0.03))
    green = np.array([0.05, 0.13, 0.02]) * rng.uniform(0.7, 1.5) + rng.uniform(0, 0.05) * np.array(
        [1, 0.4, 0]
    )
    leaves = Material(tuple(green.tolist()), texture=LEAVES)
    parts = [
        limb((0, 0, 0), (0, 0, 0.55 * height), 0.035 * height, trunk, end_radius=0.02 * height)
    ]
    if rng.uniform() < 0.3:
        for z, r in ((0.25, 0.26), (0.45, 0.21), (0.65, 0.15)):
            parts.append(
                limb(
                    (0, 0, z * height),
                    (0, 0, (z + 0.35) * height),
                    r * height,
                    leaves,
                    end_radius=0.01,
                    sides=8,
                )
            )
        return join(parts)
    for _ in range(4):
        x, y, z = rng.normal(0, 0.10, 3) * height
        radius = height * rng.uniform(0.15, 0.24)
        parts.append(
            ball(
                (x, y, 0.70 * height + z), (radius, radius, 0.8 * radius), leaves, rings=5, sides=8
            )
        )
    return join(parts)


def lamp_post(rng: np.random.Generator) -> Mesh:
    """Post with an arm along +x."""
    height = float(rng.uniform(6, 8))
    return join(
        [
            limb((0, 0, 0), (0, 0, height), 0.09, STEEL, end_radius=0.06),
            limb((0, 0, height), (1.8, 0, height + 0.3), 0.05, STEEL),
            block((1.4, -0.12, height + 0.18), (2.1, 0.12, height + 0.32), STEEL),
        ]
    )


def road_sign(rng: np.random.Generator) -> Mesh:
    """Round or square plate on a pole, facing +x."""
    color = ((0.02, 0.10, 0.45), (0.6, 0.02, 0.02), (0.02, 0.25, 0.08))[rng.integers(3)]
    white, plate = Material((0.8, 0.8, 0.8)), Material(color, glow=0.1)
    parts = [limb((0, 0, 0), (0, 0, 2.6), 0.035, STEEL, sides=5)]
    if rng.uniform() < 0.5:
        parts += [limb((0.03, 0, 2.3), (0.06, 0, 2.3), 0.36, plate, sides=12)]
        parts += [limb((0.04, 0, 2.3), (0.075, 0, 2.3), 0.26, white, sides=12)]
    else:
        parts += [block((0.03, -0.35, 1.9), (0.06, 0.35, 2.6), plate)]
        parts += [block((0.05, -0.25, 2.2), (0.07, 0.25, 2.3), white)]
    return join(parts)
