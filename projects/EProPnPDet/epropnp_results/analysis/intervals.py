"""Conformal intervals of position: quantiles of the density, stretched as held-out truths ask.

Conformalised quantile regression (Romano, Patterson and Candès, NeurIPS 2019). Scores count in
widths of the interval, so that an object whose density is wide gets more of a margin.
"""

import numpy as np

AXES = ("x", "y", "z", "distance")
TINY = 1e-12
Margins = dict[str, dict[str, float]]  # by level, as text, and axis


def interval_scores(intervals: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How far (N, ...) truths (N, ...) lie outside intervals (N, ..., 2), in widths; inside < 0."""
    low, high = intervals[..., 0], intervals[..., 1]
    return np.maximum(low - truth, truth - high) / np.maximum(high - low, TINY)


def conformal_margin(scores: np.ndarray, wanted: float) -> float | None:
    """Margin, in widths, with which intervals hold a new truth with probability ``wanted``.

    Args:
        scores: (N,) of held-out truths.
        wanted: probability.

    Returns:
        None where so few truths promise nothing.
    """
    rank = int(np.ceil((len(scores) + 1) * wanted))
    return float(np.sort(scores)[rank - 1]) if rank <= len(scores) else None


def stretched(interval: np.ndarray, margin: float) -> np.ndarray:
    """Intervals (..., 2) with a margin of so many widths at both ends; no shorter than a point."""
    low, high = interval[..., 0], interval[..., 1]
    reach = np.maximum(0.5 + margin, 0.0) * (high - low)
    middle = 0.5 * (low + high)
    return np.stack([middle - reach, middle + reach], axis=-1)


def fit_margins(intervals: np.ndarray, truth: np.ndarray, levels: tuple[float, ...]) -> Margins:
    """Margins of intervals (N, L, 4, 2) of the axes at L levels, from held-out truths (N, 4)."""
    scores = interval_scores(intervals, truth[:, None])
    margins: Margins = {}
    for column, level in enumerate(levels):
        own = {
            axis: conformal_margin(scores[:, column, index], level)
            for index, axis in enumerate(AXES)
        }
        margins[str(level)] = {axis: value for axis, value in own.items() if value is not None}
    return margins


def stretch_all(intervals: np.ndarray, levels: tuple[float, ...], margins: Margins) -> np.ndarray:
    """Intervals (N, L, 4, 2) with their margins; those without one stay."""
    return np.stack(
        [
            np.stack(
                [
                    stretched(intervals[:, row, column], margins.get(str(level), {}).get(axis, 0.0))
                    for column, axis in enumerate(AXES)
                ],
                axis=1,
            )
            for row, level in enumerate(levels)
        ],
        axis=1,
    )


def interval_coverage(
    intervals: np.ndarray, truth: np.ndarray, levels: tuple[float, ...]
) -> dict[str, dict[str, float]]:
    """Share of truths (N, 4) inside intervals (N, L, 4, 2), by level and axis."""
    inside = interval_scores(intervals, truth[:, None]) <= 0
    return {
        str(level): dict(zip(AXES, inside[:, row].mean(0).tolist(), strict=True))
        for row, level in enumerate(levels)
    }
