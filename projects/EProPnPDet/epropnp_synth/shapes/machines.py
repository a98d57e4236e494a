"""Construction vehicles: excavator and wheel loader, the tool always in front, red behind."""

# ruff: noqa: E741 -- (l, w, h) are the letters of the field

from __future__ import annotations

import numpy as np

from ..mesh import Material, Mesh, block, join, limb, prism, wheel
from .materials import CHASSIS, GLASS, HUB, REAR_MARK, RUBBER, STEEL, TYRE

Size = tuple[float, float, float]


def _yellow(rng: np.random.Generator) -> Material:
    base = np.array([0.80, 0.42, 0.01]) if rng.uniform() < 0.75 else np.array([0.75, 0.2, 0.01])
    return Material(tuple((base * rng.uniform(0.8, 1.1)).tolist()), gloss=0.04)


def excavator(size: Size, rng: np.random.Generator) -> Mesh:
    """Tracks, a turned house with a cab on the left, and a boom with a bucket in front."""
    l, w, h = size
    paint = _yellow(rng)
    parts = []
    for side in (-1, 1):
        y = side * 0.40 * w
        track = [(-0.5, 0.10), (-0.44, 0.22), (0.10, 0.22), (0.16, 0.10), (0.10, 0.0), (-0.44, 0.0)]
        outline = [(x * l, z * h) for x, z in track]
        parts.append(prism(outline, y - 0.10 * w, y + 0.10 * w, RUBBER))
        parts.append(
            block((-0.42 * l, y - 0.105 * w, 0.07 * h), (0.08 * l, y + 0.105 * w, 0.15 * h), STEEL)
        )
    parts.append(block((-0.48 * l, -0.42 * w, 0.24 * h), (0.02 * l, 0.42 * w, 0.52 * h), paint))
    parts.append(block((-0.5 * l, -0.43 * w, 0.26 * h), (-0.41 * l, 0.43 * w, 0.50 * h), REAR_MARK))
    parts.append(block((-0.16 * l, 0.06 * w, 0.50 * h), (0.08 * l, 0.42 * w, 0.86 * h), GLASS))
    parts.append(block((-0.17 * l, 0.05 * w, 0.86 * h), (0.09 * l, 0.43 * w, 0.90 * h), paint))
    elbow, wrist = (0.24 * l, -0.12 * w, 0.94 * h), (0.42 * l, -0.12 * w, 0.30 * h)
    parts.append(limb((-0.04 * l, -0.12 * w, 0.45 * h), elbow, 0.07 * h, paint, sides=4))
    parts.append(limb(elbow, wrist, 0.055 * h, paint, sides=4))
    parts.append(limb((0.0, -0.12 * w, 0.62 * h), (0.2 * l, -0.12 * w, 0.86 * h), 0.025 * h, STEEL))
    bucket = [(0.50, 0.16), (0.48, 0.32), (0.36, 0.30), (0.34, 0.10), (0.42, 0.04)]
    parts.append(prism([(x * l, z * h) for x, z in bucket], -0.32 * w, 0.08 * w, STEEL))
    parts.append(limb((0.2 * l, -0.12 * w, 0.95 * h), (0.26 * l, -0.12 * w, h), 0.04 * h, CHASSIS))
    parts.append(_side_rails(l, w, h, paint))
    return join(parts)


def _side_rails(l: float, w: float, h: float, paint: Material) -> Mesh:
    """Mudguards that reach the full width, so that the fitted box is not stretched."""
    return join(
        block(
            (-0.4 * l, s * 0.46 * w - 0.04 * w, 0.22 * h),
            (0.05 * l, s * 0.46 * w + 0.04 * w, 0.25 * h),
            paint,
        )
        for s in (-1, 1)
    )


def loader(size: Size, rng: np.random.Generator) -> Mesh:
    """Four large wheels, a high cab and a wide shovel in front."""
    l, w, h = size
    paint = _yellow(rng)
    radius = 0.22 * h
    parts = [
        block((-0.5 * l, -0.34 * w, 0.26 * h), (-0.12 * l, 0.34 * w, 0.58 * h), paint),
        block((-0.12 * l, -0.26 * w, 0.24 * h), (0.20 * l, 0.26 * w, 0.48 * h), paint),
        block((-0.20 * l, -0.32 * w, 0.54 * h), (0.04 * l, 0.32 * w, 0.95 * h), GLASS),
        block((-0.22 * l, -0.34 * w, 0.94 * h), (0.06 * l, 0.34 * w, h), paint),
        block((-0.505 * l, -0.35 * w, 0.30 * h), (-0.41 * l, 0.35 * w, 0.56 * h), REAR_MARK),
    ]
    for x in (0.14 * l, -0.30 * l):
        for side in (-1, 1):
            parts.append(wheel(x, side * 0.38 * w, radius, 0.2 * w, HUB, TYRE))
    for side in (-1, 1):
        y = side * 0.24 * w
        parts.append(
            limb((0.05 * l, y, 0.50 * h), (0.36 * l, y, 0.22 * h), 0.05 * h, paint, sides=4)
        )
    shovel = [(0.5, 0.02), (0.44, 0.34), (0.35, 0.30), (0.34, 0.06), (0.40, 0.0)]
    parts.append(prism([(x * l, z * h) for x, z in shovel], -0.5 * w, 0.5 * w, STEEL))
    parts.append(block((0.34 * l, -0.5 * w, 0.0), (0.49 * l, 0.5 * w, 0.04 * h), CHASSIS))
    beacon = Material((1.0, 0.4, 0.02), glow=0.8)
    parts.append(limb((-0.1 * l, 0, h), (-0.1 * l, 0, 1.03 * h), 0.06, beacon))
    return join(parts)
