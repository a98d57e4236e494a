"""Cars, trucks, buses and trailers: bright lamps in front, red lamps and a red band behind."""

# ruff: noqa: E741 -- (l, w, h) are the letters of the field

from __future__ import annotations

import numpy as np

from ..mesh import Material, Mesh, block, join, limb, prism, wheel
from .materials import (
    BUS_HUES,
    CAR_PAINTS,
    CHASSIS,
    FRONT_MARK,
    GLASS,
    HEADLIGHT,
    HUB,
    INDICATOR,
    PLATE,
    REAR_MARK,
    REFLECTIVE,
    SIGNAL_RED,
    STEEL,
    TAIL_LIGHT,
    TRAILER_HUES,
    TRUCK_HUES,
    TYRE,
    WHITE,
    pick,
    vivid,
)

Size = tuple[float, float, float]  # l, w, h in metres; shapes stand on z = 0


def _pair(x: float, y: float, z: float, size: Size, material: Material) -> list[Mesh]:
    """The same small block on the left and on the right, centred at (x, +-y, z)."""
    a, b, c = (s / 2 for s in size)
    return [
        block((x - a, side * y - b, z - c), (x + a, side * y + b, z + c), material)
        for side in (-1, 1)
    ]


def _axles(xs: tuple[float, ...], w: float, radius: float, width: float = 0.25) -> list[Mesh]:
    """Pairs of wheels at the given x, flush with the sides."""
    y = w / 2 - width / 2 - 0.02
    return [wheel(x, s * y, radius, width, HUB, TYRE) for x in xs for s in (-1, 1)]


def _band(x0: float, x1: float, w: float, z: tuple[float, float], material: Material) -> Mesh:
    """A marking that wraps around the end of a body, seen from the sides too."""
    return block((x0, -0.506 * w, z[0]), (x1, 0.506 * w, z[1]), material)


def _plate(x: float, z: float) -> Mesh:
    return block((x - 0.02, -0.26, z - 0.06), (x + 0.02, 0.26, z + 0.06), PLATE)


def car(size: Size, rng: np.random.Generator) -> Mesh:
    """Sedan, hatchback, estate or van."""
    l, w, h = size
    body = Material(pick(rng, CAR_PAINTS), gloss=0.10)
    style = rng.integers(4)
    rear_top, rear_bottom = ((-0.25, -0.38), (-0.36, -0.45), (-0.42, -0.47), (-0.47, -0.49))[style]
    front_bottom, front_top = ((0.21, 0.06), (0.22, 0.06), (0.22, 0.07), (0.33, 0.18))[style]
    nose = 0.46 if style < 3 else 0.50
    belt = 0.58
    lower = prism(
        [
            (0.5 * l, 0.16 * h),
            (0.5 * l, 0.38 * h),
            (0.47 * l, nose * h),
            (front_bottom * l, belt * h),
            (-0.45 * l, 0.60 * h),
            (-0.5 * l, 0.52 * h),
            (-0.5 * l, 0.18 * h),
            (-0.4 * l, 0.13 * h),
            (0.42 * l, 0.12 * h),
        ],
        -w / 2,
        w / 2,
        body,
    )
    cabin = block(
        (rear_bottom * l, -0.47 * w, (belt - 0.02) * h),
        (front_bottom * l, 0.47 * w, 0.97 * h),
        GLASS,
        top=(rear_top * l, -0.38 * w, front_top * l, 0.38 * w),
    )
    roof = block(
        (rear_top * l, -0.385 * w, 0.95 * h), ((front_top + 0.005) * l, 0.385 * w, h), body
    )
    pillar = block((-0.1 * l, -0.44 * w, belt * h), (-0.07 * l, 0.44 * w, 0.96 * h), body)
    parts = [lower, cabin, roof, pillar, *_axles((0.31 * l, -0.30 * l), w, 0.22 * h)]
    parts += _pair(0.495 * l, 0.36 * w, 0.40 * h, (0.06, 0.20 * w, 0.09 * h), HEADLIGHT)
    parts += _pair(-0.492 * l, 0.40 * w, 0.46 * h, (0.06, 0.16 * w, 0.14 * h), TAIL_LIGHT)
    parts += _pair(0.17 * l, 0.49 * w, 0.62 * h, (0.10, 0.10, 0.08 * h), body)
    parts.append(block((0.47 * l, -0.22 * w, 0.28 * h), (0.503 * l, 0.22 * w, 0.42 * h), CHASSIS))
    parts.append(block((-0.503 * l, -0.45 * w, 0.16 * h), (-0.48 * l, 0.45 * w, 0.26 * h), CHASSIS))
    parts += [_plate(0.5 * l, 0.24 * h), _plate(-0.5 * l, 0.36 * h)]
    parts.append(_band(-0.503 * l, -0.39 * l, w, (0.27 * h, 0.52 * h), REAR_MARK))
    parts.append(_band(0.41 * l, 0.502 * l, w, (0.20 * h, 0.34 * h), FRONT_MARK))
    return join(parts)


def truck(size: Size, rng: np.random.Generator) -> Mesh:
    """Cab in front of a cargo box or an open tipper body."""
    l, w, h = size
    cab_paint = Material(vivid(rng, 0.3, 0.75, TRUCK_HUES), gloss=0.08)
    x_cab = 0.5 * l - max(0.24 * l, 1.5)
    roof = rng.uniform(0.72, 0.84) * h
    cab = block(
        (x_cab, -0.48 * w, 0.22 * h),
        (0.5 * l, 0.48 * w, roof),
        cab_paint,
        top=(x_cab, -0.46 * w, 0.5 * l - 0.12 * h, 0.46 * w),
    )
    parts = [cab]
    parts.append(  # windshield, slightly ahead of the cab's slope
        block(
            (0.5 * l - 0.10 * h, -0.42 * w, 0.50 * h),
            (0.5 * l - 0.045 * h, 0.42 * w, 0.95 * roof),
            GLASS,
            top=(0.5 * l - 0.14 * h, -0.40 * w, 0.5 * l - 0.10 * h, 0.40 * w),
        )
    )
    window = (x_cab + 0.15 * (0.5 * l - x_cab), 0.5 * l - 0.15 * h)
    parts.append(
        block((window[0], -0.485 * w, 0.52 * h), (window[1], 0.485 * w, 0.92 * roof), GLASS)
    )
    if rng.uniform() < 0.7:
        cargo = WHITE if rng.uniform() < 0.5 else Material(vivid(rng, 0.3, 0.7, TRUCK_HUES))
        parts.append(block((-0.5 * l, -w / 2, 0.32 * h), (x_cab - 0.08, w / 2, h), cargo))
        stripe = Material(vivid(rng, 0.2, 0.7, TRUCK_HUES))
        parts.append(
            block((-0.42 * l, -0.503 * w, 0.55 * h), (x_cab - 0.4, 0.503 * w, 0.72 * h), stripe)
        )
    else:
        load = Material((0.22, 0.15, 0.08))
        parts.append(block((-0.5 * l, -w / 2, 0.35 * h), (x_cab - 0.1, w / 2, 0.75 * h), cab_paint))
        parts.append(
            block(
                (-0.45 * l, -0.45 * w, 0.7 * h),
                (x_cab - 0.2, 0.45 * w, h),
                load,
                top=(-0.2 * l, -0.1 * w, x_cab - 1.2, 0.1 * w),
            )
        )
    parts.append(block((-0.49 * l, -0.35 * w, 0.18 * h), (0.48 * l, 0.35 * w, 0.33 * h), CHASSIS))
    parts += _axles((0.34 * l, -0.24 * l, -0.37 * l), w, 0.17 * h, 0.3)
    parts += _pair(0.495 * l, 0.37 * w, 0.30 * h, (0.06, 0.18 * w, 0.07 * h), HEADLIGHT)
    parts.append(block((0.48 * l, -0.25 * w, 0.28 * h), (0.502 * l, 0.25 * w, 0.45 * h), CHASSIS))
    parts += _pair(-0.5 * l, 0.38 * w, 0.27 * h, (0.06, 0.18 * w, 0.07 * h), TAIL_LIGHT)
    parts.append(block((-0.503 * l, -0.015 * w, 0.34 * h), (-0.49 * l, 0.015 * w, 0.74 * h), STEEL))
    parts.append(_band(-0.502 * l, -0.43 * l, w, (0.34 * h, 0.66 * h), REAR_MARK))
    return join([*parts, _plate(-0.5 * l, 0.24 * h)])


def bus(size: Size, rng: np.random.Generator) -> Mesh:
    """Long body with a band of windows, a lit destination sign in front, doors on the right."""
    l, w, h = size
    livery = Material(vivid(rng, 0.35, 0.8, BUS_HUES), gloss=0.08)
    second = WHITE if rng.uniform() < 0.6 else Material(vivid(rng, 0.2, 0.6, BUS_HUES), gloss=0.08)
    parts = [
        block((-0.5 * l, -0.5 * w, 0.10 * h), (0.5 * l, 0.5 * w, 0.50 * h), livery),
        block((-0.5 * l, -0.5 * w, 0.50 * h), (0.495 * l, 0.5 * w, 0.96 * h), second),
        block((-0.48 * l, -0.46 * w, 0.96 * h), (0.46 * l, 0.46 * w, h), livery),
        block((-0.47 * l, -0.505 * w, 0.48 * h), (0.47 * l, 0.505 * w, 0.82 * h), GLASS),
    ]
    for x in np.linspace(-0.45 * l, 0.38 * l, max(4, round(l / 1.6))):
        parts.append(block((x, -0.508 * w, 0.47 * h), (x + 0.12, 0.508 * w, 0.84 * h), second))
    front, back = 0.5 * l, -0.5 * l
    parts += [
        block((front - 0.05, -0.46 * w, 0.36 * h), (front + 0.02, 0.46 * w, 0.80 * h), GLASS),
        block((front - 0.05, -0.33 * w, 0.84 * h), (front + 0.02, 0.33 * w, 0.94 * h), INDICATOR),
        block((back - 0.02, -0.38 * w, 0.56 * h), (back + 0.05, 0.38 * w, 0.80 * h), GLASS),
        block((back - 0.02, -0.30 * w, 0.20 * h), (back + 0.05, 0.30 * w, 0.40 * h), CHASSIS),
    ]
    for x in (0.40 * l, -0.02 * l):
        parts.append(block((x - 0.6, -0.512 * w, 0.12 * h), (x + 0.6, -0.45 * w, 0.80 * h), GLASS))
    parts.append(_band(-0.503 * l, -0.41 * l, w, (0.42 * h, 0.95 * h), REAR_MARK))
    parts.append(_band(0.43 * l, 0.501 * l, w, (0.24 * h, 0.46 * h), FRONT_MARK))
    parts += _pair(front, 0.38 * w, 0.20 * h, (0.06, 0.16 * w, 0.07 * h), HEADLIGHT)
    parts += _pair(back, 0.44 * w, 0.30 * h, (0.06, 0.09 * w, 0.24 * h), TAIL_LIGHT)
    parts += _pair(front + 0.08, 0.53 * w, 0.66 * h, (0.1, 0.12, 0.14 * h), CHASSIS)
    return join([*parts, *_axles((0.29 * l, -0.27 * l), w, 0.15 * h, 0.3)])


def trailer(size: Size, rng: np.random.Generator) -> Mesh:
    """Ribbed container or tank on rear axles, without a cab, on landing legs in front."""
    l, w, h = size
    paint = Material(vivid(rng, 0.25, 0.6, TRAILER_HUES))
    floor = 0.30 * h
    parts = [block((-0.5 * l, -0.4 * w, 0.25 * h), (0.5 * l, 0.4 * w, floor), CHASSIS)]
    if rng.uniform() < 0.75:
        dark = Material(tuple(0.55 * c for c in paint.color))
        parts.append(block((-0.5 * l, -0.485 * w, floor), (0.5 * l, 0.485 * w, h), paint))
        for x in np.arange(-0.48 * l, 0.48 * l, 0.9):
            parts.append(block((x, -0.5 * w, floor + 0.05), (x + 0.35, 0.5 * w, h - 0.05), dark))
    else:
        radius = 0.5 * (h - floor)
        center = floor + radius
        tank = Material((0.55, 0.57, 0.60), gloss=0.2)
        shell = limb((-0.48 * l, 0, center), (0.48 * l, 0, center), radius, tank, sides=14)
        band = limb((-0.04 * l, 0, center), (0.04 * l, 0, center), 1.01 * radius, paint, sides=14)
        parts += [shell, band]
        parts.append(block((0.44 * l, -w / 2, floor), (0.5 * l, w / 2, floor + 0.3), paint))
    parts += _axles((-0.26 * l, -0.35 * l, -0.44 * l), w, 0.13 * h, 0.3)
    parts += _pair(0.28 * l, 0.36 * w, 0.125 * h, (0.16, 0.16, 0.25 * h), STEEL)
    parts += _pair(-0.5 * l, 0.36 * w, 0.22 * h, (0.08, 0.2 * w, 0.07 * h), TAIL_LIGHT)
    parts.append(_band(-0.502 * l, -0.44 * l, w, (0.42 * h, 0.80 * h), REAR_MARK))
    for i, y in enumerate(np.linspace(-0.42 * w, 0.35 * w, 6)):  # warning board behind
        color = SIGNAL_RED if i % 2 else REFLECTIVE
        parts.append(block((-0.506 * l, y, 0.31 * h), (-0.49 * l, y + 0.15 * w, 0.38 * h), color))
    parts.append(block((-0.504 * l, -0.012 * w, 0.4 * h), (-0.49 * l, 0.012 * w, 0.97 * h), STEEL))
    return join(parts)
