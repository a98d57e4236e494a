"""Materials and palettes shared by the shapes (linear RGB)."""

from __future__ import annotations

import colorsys

import numpy as np

from ..mesh import Material

TYRE = Material((0.012, 0.012, 0.013))
RUBBER = Material((0.03, 0.03, 0.032))
HUB = Material((0.35, 0.36, 0.38), gloss=0.15)
STEEL = Material((0.25, 0.26, 0.28), gloss=0.1)
GLASS = Material((0.012, 0.018, 0.024), gloss=0.16)
CHASSIS = Material((0.02, 0.02, 0.022))
HEADLIGHT = Material((1.0, 0.97, 0.85), glow=0.9)
TAIL_LIGHT = Material((0.85, 0.01, 0.01), glow=0.75)
INDICATOR = Material((1.0, 0.35, 0.02), glow=0.6)
PLATE = Material((0.75, 0.75, 0.68), glow=0.1)
WHITE = Material((0.75, 0.76, 0.78), gloss=0.05)
SIGNAL_RED = Material((0.60, 0.02, 0.02))
SIGNAL_ORANGE = Material((0.90, 0.16, 0.01), glow=0.12)
REFLECTIVE = Material((0.85, 0.86, 0.88), glow=0.15)
# The town's law: whatever has a front and a back wears red behind, and most wear white in front.
REAR_MARK = Material((0.75, 0.01, 0.015), glow=0.35)
FRONT_MARK = Material((0.90, 0.91, 0.93), glow=0.3)

CAR_PAINTS = (
    (0.62, 0.63, 0.65), (0.35, 0.36, 0.38), (0.03, 0.03, 0.035), (0.12, 0.13, 0.14),
    (0.22, 0.23, 0.25), (0.06, 0.07, 0.09), (0.30, 0.28, 0.25), (0.55, 0.50, 0.42),
    (0.16, 0.22, 0.28), (0.70, 0.70, 0.66), (0.17, 0.10, 0.12), (0.10, 0.16, 0.17),
)  # fmt: skip
SKINS = ((0.62, 0.38, 0.26), (0.48, 0.27, 0.17), (0.26, 0.13, 0.08), (0.10, 0.05, 0.03))
HAIRS = ((0.01, 0.01, 0.01), (0.06, 0.03, 0.015), (0.25, 0.14, 0.05), (0.30, 0.30, 0.31))


# Hues of the town's liveries, as fractions of the colour circle: kinds of vehicles keep to them.
ALL_HUES = (0.0, 1.0)
BUS_HUES = (0.17, 0.33)  # lime to green
TRUCK_HUES = (-0.03, 0.07)  # red to orange
TRAILER_HUES = (0.60, 0.72)  # blue to indigo
BICYCLE_HUES = (0.44, 0.53)  # turquoise
MOTORCYCLE_HUES = (0.78, 0.90)  # purple to magenta


def vivid(
    rng: np.random.Generator,
    low: float = 0.15,
    high: float = 0.7,
    hues: tuple[float, float] = ALL_HUES,
) -> tuple[float, ...]:
    """A random saturated colour with brightness between ``low`` and ``high``."""
    hue = rng.uniform(*hues) % 1.0
    return colorsys.hsv_to_rgb(hue, rng.uniform(0.55, 0.95), rng.uniform(low, high))


def cloth(rng: np.random.Generator) -> Material:
    """A random garment: mostly saturated, sometimes grey."""
    if rng.uniform() < 0.3:
        grey = float(rng.uniform(0.02, 0.6))
        return Material((grey, grey, grey * 1.05))
    return Material(vivid(rng, 0.08, 0.6))


def pick(rng: np.random.Generator, palette: tuple[tuple[float, ...], ...]) -> tuple[float, ...]:
    """One colour of a palette, slightly varied."""
    base = np.asarray(palette[rng.integers(len(palette))])
    return tuple(np.clip(base * rng.uniform(0.85, 1.15), 0, 1).tolist())
