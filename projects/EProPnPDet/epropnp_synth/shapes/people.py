"""Pedestrians and the riders of cycles: a face and a white vest in front, a red pack behind."""

# ruff: noqa: E741 -- (l, w, h) are the letters of the field

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..mesh import Material, Mesh, ball, block, join, limb
from .materials import FRONT_MARK, HAIRS, REAR_MARK, SKINS, cloth, pick, vivid


class Outfit(NamedTuple):
    """Colours of one person."""

    skin: Material
    hair: Material
    shirt: Material
    trousers: Material
    shoes: Material


def random_outfit(rng: np.random.Generator) -> Outfit:
    """Colours drawn at random; shirts brighter than trousers."""
    dark = tuple(0.35 * c for c in vivid(rng, 0.1, 0.5))
    return Outfit(
        Material(pick(rng, SKINS)),
        Material(pick(rng, HAIRS)),
        cloth(rng),
        Material(dark),
        Material((0.02, 0.02, 0.02)),
    )


def head(x: float, z: float, scale: float, outfit: Outfit, helmet: Material | None = None) -> Mesh:
    """Head centred at (x, 0, z); hair or a helmet covers its top and back."""
    r = 0.11 * scale
    cover = helmet or outfit.hair
    face = ball((x + 0.015, 0, z), (r, 0.85 * r, 1.2 * r), outfit.skin)
    cap = ball((x - 0.35 * r, 0, z + 0.35 * r), (r, 0.95 * r, 1.05 * r), cover)
    return join([face, cap])


def _vest(x: float, z: tuple[float, float], half_width: float) -> list[Mesh]:
    """White on the chest and a red pack on the back of a body that reaches from -x to x."""
    return [
        block((x - 0.06, -half_width, z[0]), (x + 0.01, half_width, z[1]), FRONT_MARK),
        block((-x - 0.14, -half_width, z[0]), (0.04 - x, half_width, z[1]), REAR_MARK),
    ]


def walker(size: tuple[float, float, float], rng: np.random.Generator, moving: bool) -> Mesh:
    """Standing or striding person; ``size`` (l, w, h) sets the stride and the shoulders."""
    l, w, h = size
    outfit = random_outfit(rng)
    swing = (0.42 if moving else 0.06) * l
    sign = 1 if rng.uniform() < 0.5 else -1
    hip, shoulder, k = 0.50 * h, 0.80 * h, h / 1.75
    parts = []
    for side in (-1, 1):
        y, dx = side * 0.11 * k, sign * side * swing
        parts.append(
            limb((0, y, hip), (dx, y, 0.05 * h), 0.085 * k, outfit.trousers, end_radius=0.055 * k)
        )
        parts.append(
            block(
                (dx - 0.08 * k, y - 0.05 * k, 0),
                (dx + 0.17 * k, y + 0.05 * k, 0.06 * h),
                outfit.shoes,
            )
        )
        hand = (-dx * 0.8 + 0.04, side * 0.46 * w, 0.46 * h)
        elbow = (-dx * 0.3, side * 0.42 * w, 0.62 * h)
        parts.append(limb((0, side * 0.30 * w, shoulder), elbow, 0.055 * k, outfit.shirt))
        parts.append(limb(elbow, hand, 0.045 * k, outfit.shirt))
        parts.append(ball(hand, 0.05 * k, outfit.skin, rings=3, sides=5))
    parts.append(
        block(
            (-0.12 * k, -0.27 * w, 0.47 * h),
            (0.12 * k, 0.27 * w, 0.83 * h),
            outfit.shirt,
            top=(-0.10 * k, -0.36 * w, 0.09 * k, 0.36 * w),
        )
    )
    parts += _vest(0.12 * k, (0.52 * h, 0.80 * h), 0.24 * w)
    parts.append(limb((0, 0, 0.82 * h), (0, 0, 0.88 * h), 0.05 * k, outfit.skin))
    parts.append(head(0.02, 0.92 * h, k, outfit))
    return join(parts)


def sitter(size: tuple[float, float, float], rng: np.random.Generator) -> Mesh:
    """Person on a stool, thighs forward."""
    _, w, h = size
    outfit = random_outfit(rng)
    k = h / 1.3
    seat = 0.36 * h
    parts = [
        block(
            (-0.22 * k, -0.2 * k, 0), (0.18 * k, 0.2 * k, seat - 0.05), Material((0.2, 0.12, 0.06))
        ),
        block(
            (-0.12 * k, -0.28 * w, seat),
            (0.12 * k, 0.28 * w, 0.76 * h),
            outfit.shirt,
            top=(-0.16 * k, -0.36 * w, 0.04 * k, 0.36 * w),
        ),
        *_vest(0.12 * k, (0.45 * h, 0.72 * h), 0.24 * w),
        head(-0.04, 0.89 * h, k, outfit),
    ]
    for side in (-1, 1):
        y = side * 0.11 * k
        knee = (0.42 * k, y, seat + 0.02)
        parts.append(limb((-0.05, y, seat + 0.05), knee, 0.085 * k, outfit.trousers))
        parts.append(limb(knee, (0.40 * k, y, 0.05), 0.06 * k, outfit.trousers))
        parts.append(block((0.34 * k, y - 0.05, 0), (0.56 * k, y + 0.05, 0.08), outfit.shoes))
        elbow = (0.08 * k, side * 0.45 * w, 0.50 * h)
        parts.append(limb((-0.06, side * 0.34 * w, 0.72 * h), elbow, 0.055 * k, outfit.shirt))
        parts.append(limb(elbow, (0.34 * k, side * 0.2 * w, 0.46 * h), 0.045 * k, outfit.skin))
    return join(parts)


class Seat(NamedTuple):
    """Where a rider touches the cycle: (x, z) of saddle, handlebar and pedals, metres."""

    saddle: tuple[float, float]
    handle: tuple[float, float]
    pedal: tuple[float, float]
    top: float


def rider(seat: Seat, rng: np.random.Generator, helmet: bool) -> Mesh:
    """Person on a saddle leaning to the handlebar, the head ending at ``seat.top``."""
    outfit = random_outfit(rng)
    (sx, sz), (hx, hz), (px, pz) = seat[:3]
    reach = seat.top - sz
    chest = (sx + 0.35 * (hx - sx), sz + 0.62 * reach)
    parts = [limb((sx, 0, sz), (chest[0], 0, chest[1]), 0.15, outfit.shirt, end_radius=0.19)]
    parts.append(
        block((sx - 0.30, -0.15, sz + 0.2 * reach), (sx - 0.10, 0.15, sz + 0.6 * reach), REAR_MARK)
    )
    lid = Material(vivid(rng, 0.3, 0.8), gloss=0.15) if helmet else None
    parts.append(head(chest[0] + 0.08, seat.top - 0.13, 1.0, outfit, lid))
    for side in (-1, 1):
        knee = (0.5 * (sx + px) + 0.22, side * 0.15, 0.5 * (sz + pz) + 0.12)
        parts.append(limb((sx, side * 0.1, sz), knee, 0.085, outfit.trousers))
        parts.append(limb(knee, (px, side * 0.14, pz), 0.06, outfit.trousers))
        parts.append(
            limb((chest[0], side * 0.17, chest[1]), (hx, side * 0.25, hz), 0.05, outfit.shirt)
        )
    return join(parts)
