"""May densities be believed? Coverage of credible regions, and what trust is worth.

The level of an object is the mass of the smallest credible region that reaches its true place:
the rank of the truth by density. For calibrated densities levels are uniform, so that regions of
level q hold the truth in a share q of all cases.
"""

import numpy as np

LEVELS = np.linspace(0.05, 0.95, 19)


def truth_levels(grids: np.ndarray, at_truth: np.ndarray, power: float = 1.0) -> np.ndarray:
    """Levels (N,) of the truth under densities raised to a power and normalised again.

    Args:
        grids: (N, ...) densities on equal cells.
        at_truth: (N,) densities at the true places.
        power: below 1 flattens the densities, above sharpens them. The order of the cells stays.
    """
    flat = grids.reshape(len(grids), -1)
    mass = flat**power
    total = mass.sum(1)
    inside = np.where(flat > at_truth[:, None], mass, 0.0).sum(1)
    return inside / np.where(total > 0, total, 1.0)


def coverage(levels: np.ndarray, wanted: np.ndarray = LEVELS) -> np.ndarray:
    """Share (L,) of truths inside credible regions of the wanted levels."""
    return (levels[:, None] <= wanted).mean(0)


def calibration_error(levels: np.ndarray, wanted: np.ndarray = LEVELS) -> float:
    """Expected calibration error: mean difference of coverage and level."""
    return float(np.abs(coverage(levels, wanted) - wanted).mean())


def binned_trust(trust: np.ndarray, right: np.ndarray, bins: int = 10) -> np.ndarray:
    """Reliability of a probability: (k, 3) mean of it, share that is right, and count, per bin."""
    which = np.clip((trust * bins).astype(int), 0, bins - 1)
    rows = [
        (trust[which == b].mean(), right[which == b].mean(), (which == b).sum())
        for b in range(bins)
        if (which == b).any()
    ]
    return np.array(rows, dtype=float).reshape(-1, 3)


def risk_coverage(errors: np.ndarray, trust: np.ndarray) -> np.ndarray:
    """Mean error (N,) of the most trusted 1, 2, ... N objects."""
    order = np.argsort(-trust, kind="stable")
    return np.cumsum(errors[order]) / np.arange(1, len(errors) + 1)


def log_likelihood(grids: np.ndarray, at_truth: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Log density (N,) at the truth; no lower than that of one cell's share of a millionth."""
    floor = 1e-6 / cell
    return np.log(np.maximum(at_truth, floor))


def sharpness(grids: np.ndarray, cell: np.ndarray, level: float = 0.9) -> np.ndarray:
    """Measure (N,) of the smallest regions of a level: how much the densities leave open."""
    flat = np.sort(grids.reshape(len(grids), -1), axis=1)[:, ::-1]
    mass = np.cumsum(flat, axis=1)
    return ((mass < level * mass[:, -1:]).sum(1) + 1) * cell
