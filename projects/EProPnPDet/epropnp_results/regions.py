"""Credible regions of densities on grids of equal cells."""

import numpy as np


def credible_threshold(density: np.ndarray, level: float) -> float:
    """Density above which the smallest region with a share ``level`` of the mass lies."""
    values = np.sort(density.astype(float), axis=None)[::-1]
    mass = np.cumsum(values)
    return float(values[min(np.searchsorted(mass, level * mass[-1]), len(values) - 1)])


def mass_above(density: np.ndarray, value: float) -> float:
    """Share of the mass in cells denser than ``value``.

    It is the level of the smallest credible region that reaches a place of this density, and
    uniform over true places if densities are calibrated.
    """
    total = density.sum(dtype=float)
    return float(density[density > value].sum(dtype=float) / total) if total > 0 else float("nan")


def interpolate_circle(density: np.ndarray, angle: float) -> float:
    """Value at an angle of a density at even steps from -pi, around the circle."""
    place = (angle + np.pi) / (2 * np.pi) * len(density)
    low = int(np.floor(place))
    share = place - low
    return float(
        (1 - share) * density[low % len(density)] + share * density[(low + 1) % len(density)]
    )


def interpolate_plane(density: np.ndarray, x: np.ndarray, z: np.ndarray, at: np.ndarray) -> float:
    """Value at a point (2,) of a density (G, G) at (z, x) on even grids (G,); 0 outside."""
    column = (at[0] - x[0]) / (x[-1] - x[0]) * (len(x) - 1)
    row = (at[1] - z[0]) / (z[-1] - z[0]) * (len(z) - 1)
    if not (0 <= column <= len(x) - 1 and 0 <= row <= len(z) - 1):
        return 0.0
    left, top = min(int(column), len(x) - 2), min(int(row), len(z) - 2)
    right, down = column - left, row - top
    block = density[top : top + 2, left : left + 2].astype(float)
    return float(np.array([1 - down, down]) @ block @ np.array([1 - right, right]))
