"""Traffic cones and barriers."""

# ruff: noqa: E741 -- (l, w, h) are the letters of the field

from __future__ import annotations

import itertools

import numpy as np

from ..mesh import Material, Mesh, block, join, limb, prism
from .materials import REFLECTIVE, RUBBER, SIGNAL_ORANGE, SIGNAL_RED, WHITE

Size = tuple[float, float, float]


def traffic_cone(size: Size, rng: np.random.Generator) -> Mesh:
    """Orange cone with one or two white bands on a flat base."""
    l, w, h = size
    base = RUBBER if rng.uniform() < 0.5 else SIGNAL_ORANGE
    radius, tip, foot = 0.40 * min(l, w), 0.10 * min(l, w), 0.06 * h
    levels = (0.0, 0.35, 0.55, 0.70, 0.85, 1.0) if rng.uniform() < 0.6 else (0.0, 0.45, 0.75, 1.0)
    parts = [block((-l / 2, -w / 2, 0), (l / 2, w / 2, foot), base)]
    for i, (a, b) in enumerate(itertools.pairwise(levels)):
        parts.append(
            limb(
                (0, 0, foot + a * (h - foot)),
                (0, 0, foot + b * (h - foot)),
                radius + a * (tip - radius),
                REFLECTIVE if i % 2 else SIGNAL_ORANGE,
                end_radius=radius + b * (tip - radius),
                sides=10,
            )
        )
    return join(parts)


def barrier(size: Size, rng: np.random.Generator) -> Mesh:
    """Striped road barrier, wide along y; an arrow plate shows the front."""
    l, w, h = size
    if rng.uniform() < 0.65:  # water-filled plastic elements, red and white
        outline = [
            (0.5, 0),
            (0.5, 0.2),
            (0.22, 0.45),
            (0.18, 1),
            (-0.18, 1),
            (-0.22, 0.45),
            (-0.5, 0.2),
            (-0.5, 0),
        ]
        looks = (SIGNAL_RED, WHITE) if rng.uniform() < 0.7 else (SIGNAL_ORANGE, WHITE)
    else:  # concrete
        outline = [
            (0.5, 0),
            (0.5, 0.1),
            (0.25, 0.35),
            (0.15, 1),
            (-0.15, 1),
            (-0.25, 0.35),
            (-0.5, 0.1),
            (-0.5, 0),
        ]
        grey = float(rng.uniform(0.25, 0.45))
        looks = (Material((grey, grey, 0.93 * grey)), Material((0.7, 0.45, 0.02)))
    edges = np.linspace(-w / 2, w / 2, 6)
    xz = [(x * l, z * h) for x, z in outline]
    parts = [prism(xz, a, b, looks[i % 2]) for i, (a, b) in enumerate(itertools.pairwise(edges))]
    parts.append(block((0.18 * l, -0.16 * w, 0.62 * h), (0.30 * l, 0.16 * w, 0.88 * h), REFLECTIVE))
    return join(parts)
