"""Bicycles and motorcycles, with or without a rider: white in front, red bags behind."""

# ruff: noqa: E741 -- (l, w, h) are the letters of the field

from __future__ import annotations

import numpy as np

from ..mesh import Material, Mesh, block, join, limb, ring, wheel
from .materials import (
    BICYCLE_HUES,
    CHASSIS,
    FRONT_MARK,
    HEADLIGHT,
    HUB,
    MOTORCYCLE_HUES,
    REAR_MARK,
    RUBBER,
    STEEL,
    TAIL_LIGHT,
    TYRE,
    vivid,
)
from .people import Seat, rider

Size = tuple[float, float, float]


def bicycle(size: Size, rng: np.random.Generator, ridden: bool) -> Mesh:
    """Two thin wheels and a coloured tube frame; a white lamp in front, a red one behind."""
    l, w, h = size
    frame_height = min(h, 1.05) if ridden else h
    r = 0.19 * l
    xf, xb = 0.5 * l - r, -0.5 * l + r
    paint = Material(vivid(rng, 0.35, 0.9, BICYCLE_HUES), gloss=0.1)
    crank, saddle = (-0.05 * l, 0, 0.9 * r), (-0.14 * l, 0, 0.82 * frame_height)
    neck = (0.20 * l, 0, 0.80 * frame_height)
    bar = (0.19 * l, 0, 0.98 * frame_height)
    parts = [
        ring((xf, 0, r), r, 0.055, TYRE),
        ring((xb, 0, r), r, 0.055, TYRE),
    ]
    for a, b in (
        (crank, saddle),
        (crank, neck),
        (saddle, neck),
        (saddle, (xb, 0, r)),
        (crank, (xb, 0, r)),
        (neck, (xf, 0, r)),
        (neck, bar),
    ):
        parts.append(limb(a, b, 0.028, paint, sides=5))
    for x in (xf, xb):  # spokes
        for angle in (0.3, 0.3 + np.pi / 3, 0.3 + 2 * np.pi / 3):
            d = 0.95 * r * np.array([np.cos(angle), 0, np.sin(angle)])
            parts.append(
                limb(np.array([x, 0, r]) - d, np.array([x, 0, r]) + d, 0.008, STEEL, sides=3)
            )
    parts.append(limb((bar[0], -w / 2, bar[2]), (bar[0], w / 2, bar[2]), 0.02, CHASSIS, sides=5))
    parts.append(
        block(
            (saddle[0] - 0.14, -0.07, saddle[2]), (saddle[0] + 0.1, 0.07, saddle[2] + 0.06), RUBBER
        )
    )
    parts.append(
        block((neck[0] + 0.05, -0.05, neck[2]), (neck[0] + 0.12, 0.05, neck[2] + 0.1), HEADLIGHT)
    )
    parts.append(block((xb - 0.1, -0.05, 2 * r), (xb - 0.02, 0.05, 2 * r + 0.1), TAIL_LIGHT))
    parts.append(block((xb - 0.16, -0.16, 1.0 * r), (xb + 0.16, 0.16, 1.9 * r), REAR_MARK))
    parts.append(  # basket
        block((bar[0] + 0.06, -0.16, neck[2] - 0.2), (bar[0] + 0.3, 0.16, neck[2]), FRONT_MARK)
    )
    if ridden:
        seat = Seat((saddle[0], saddle[2] + 0.05), (bar[0], bar[2]), (-0.05 * l, 0.6 * r), h)
        parts.append(rider(seat, rng, helmet=rng.uniform() < 0.5))
    return join(parts)


def motorcycle(size: Size, rng: np.random.Generator, ridden: bool) -> Mesh:
    """Two thick wheels, a painted tank and fairing, a large headlight."""
    l, w, h = size
    body_height = min(h, 1.2) if ridden else h
    r = 0.15 * l
    xf, xb = 0.5 * l - r, -0.5 * l + r
    paint = Material(vivid(rng, 0.3, 0.85, MOTORCYCLE_HUES), gloss=0.15)
    tank_z = 0.62 * body_height
    parts = [
        wheel(xf, 0, r, 0.13, HUB, TYRE),
        wheel(xb, 0, r, 0.17, HUB, TYRE),
        block((-0.18 * l, -0.17, 0.5 * r), (0.16 * l, 0.17, 0.48 * body_height), CHASSIS),
        block(
            (-0.04 * l, -0.17, 0.46 * body_height),
            (0.20 * l, 0.17, 0.74 * body_height),
            paint,
            top=(0.0, -0.10, 0.19 * l, 0.10),
        ),
        block((-0.36 * l, -0.14, 0.52 * body_height), (-0.03 * l, 0.14, tank_z), RUBBER),
        block((-0.42 * l, -0.12, 0.48 * body_height), (-0.20 * l, 0.12, 0.56 * body_height), paint),
        block(
            (0.20 * l, -0.2, 0.50 * body_height),
            (0.33 * l, 0.2, 0.92 * body_height),
            paint,
            top=(0.17 * l, -0.16, 0.22 * l, 0.16),
        ),
        block(
            (0.30 * l, -0.13, 0.58 * body_height), (0.36 * l, 0.13, 0.72 * body_height), HEADLIGHT
        ),
        block(
            (-0.46 * l, -0.11, 0.50 * body_height),
            (-0.41 * l, 0.11, 0.58 * body_height),
            TAIL_LIGHT,
        ),
        block(
            (-0.46 * l, -0.17, 0.62 * body_height), (-0.27 * l, 0.17, 0.88 * body_height), REAR_MARK
        ),
        block(
            (0.24 * l, -0.21, 0.74 * body_height), (0.34 * l, 0.21, 0.93 * body_height), FRONT_MARK
        ),
        limb((0.22 * l, 0, 0.85 * body_height), (xf, 0, r), 0.05, STEEL),
        limb(
            (0.17 * l, -w / 2, 0.96 * body_height),
            (0.17 * l, w / 2, 0.96 * body_height),
            0.03,
            CHASSIS,
        ),
        limb((-0.1 * l, -0.2, 0.6 * r), (-0.42 * l, -0.2, 0.9 * r), 0.06, STEEL),
    ]
    if ridden:
        seat = Seat((-0.14 * l, tank_z), (0.17 * l, 0.96 * body_height), (0.0, 0.8 * r), h)
        parts.append(rider(seat, rng, helmet=True))
    return join(parts)
