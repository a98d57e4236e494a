"""May densities be believed? Coverage of credible regions, and what trust is worth.

The level of an object is the mass of the smallest credible region that reaches its true place:
the rank of the truth by density. For calibrated densities levels are uniform, so that regions of
level q hold the truth in a share q of all cases.
"""

import numpy as np

LEVELS = np.linspace(0.05, 0.95, 19)
REPORTED = (0.5, 0.9)
TINY = 1e-300


def tempered(
    grids: np.ndarray, at_truth: np.ndarray, cells: np.ndarray, power: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Densities on equal cells raised to a power and normalised again, and those at the truth.

    Args:
        grids: (N, ...) densities.
        at_truth: (N,) densities at the true places.
        cells: (N,) measure of a cell.
        power: below 1 flattens the densities, above sharpens them. The order of the cells stays.

    Returns:
        (N, ...) and (N,) densities that integrate to one; zero where nothing was there.
    """
    flat = grids.reshape(len(grids), -1)
    peak = np.maximum(flat.max(1), TINY)
    raised = (flat / peak[:, None]) ** power
    total = np.maximum(raised.sum(1) * cells, TINY)
    return (raised / total[:, None]).reshape(grids.shape), (at_truth / peak) ** power / total


def truth_levels(grids: np.ndarray, at_truth: np.ndarray) -> np.ndarray:
    """Levels (N,) of the truth under densities (N, ...) on equal cells; ``at_truth`` is (N,)."""
    mass = grids.reshape(len(grids), -1)
    inside = np.where(mass > at_truth[:, None], mass, 0.0).sum(1)
    return inside / np.maximum(mass.sum(1), TINY)


def coverage(levels: np.ndarray, wanted: np.ndarray = LEVELS) -> np.ndarray:
    """Share (L,) of truths inside credible regions of the wanted levels."""
    return (levels[:, None] <= wanted).mean(0)


def calibration_error(levels: np.ndarray, wanted: np.ndarray = LEVELS) -> float:
    """Expected calibration error: mean difference of coverage and level."""
    return float(np.abs(coverage(levels, wanted) - wanted).mean())


def coverage_numbers(name: str, shares: np.ndarray) -> dict[str, float]:
    """Calibration error and coverage as "NAME: error", "NAME: 50%", "NAME: 90%".

    Args:
        name: what they are of.
        shares: (19,) coverage at `LEVELS`, see `coverage`.
    """
    numbers = {f"{name}: error": float(np.abs(shares - LEVELS).mean())}
    for level in REPORTED:
        numbers[f"{name}: {level:.0%}"] = float(shares[np.abs(LEVELS - level).argmin()])
    return numbers


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


def log_likelihood(at_truth: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Log density (N,) at the truth; no lower than a millionth of the mass in one cell."""
    floor = 1e-6 / cell
    return np.log(np.maximum(at_truth, floor))


def sharpness(grids: np.ndarray, cell: np.ndarray, level: float = 0.9) -> np.ndarray:
    """Measure (N,) of the smallest regions of a level: how much the densities leave open."""
    flat = np.sort(grids.reshape(len(grids), -1), axis=1)[:, ::-1]
    mass = np.cumsum(flat, axis=1)
    return ((mass < level * mass[:, -1:]).sum(1) + 1) * cell
