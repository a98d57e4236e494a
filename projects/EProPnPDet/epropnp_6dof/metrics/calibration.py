"""Does a pose distribution mean what it says? Coverage, temperature, and error told by spread."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

COVERAGE_LEVELS = (0.5, 0.9)


class RiskCurve(NamedTuple):
    """Mean error of the most certain share of the objects.

    Attributes:
        coverage: (N,) share kept, ascending.
        risk: (N,) share of wrong ones among them.
        area: under the curve; without information it is the risk at full coverage.
        best_area: of an order that knows the errors.
    """

    coverage: NDArray
    risk: NDArray
    area: float
    best_area: float


def coverage(levels: NDArray, probabilities: tuple[float, ...] = COVERAGE_LEVELS) -> dict:
    """Share of true poses inside the credible regions of given probability.

    Args:
        levels: (N,) probability of the poses likelier than the true one.
        probabilities: of the regions.
    """
    return {p: float((levels <= p).mean()) for p in probabilities}


def best_temperature(log_density: NDArray, temperatures: list[float]) -> int:
    """Index of the temperature with the largest mean log density of the truth, (N, T) nats."""
    return int(np.argmax(log_density.mean(axis=0)[: len(temperatures)]))


def rank_correlation(spread: NDArray, error: NDArray) -> float:
    """Spearman's correlation of predicted spread and true error, (N,) each."""
    return float(spearmanr(spread, error).statistic)


def risk_coverage(spread: NDArray, wrong: NDArray) -> RiskCurve:
    """Risk-coverage curve (El-Yaniv and Wiener, JMLR 2010) of an order by spread.

    Args:
        spread: (N,) predicted spread; the smallest are kept first.
        wrong: (N,) bool.
    """
    count = np.arange(1, len(wrong) + 1)
    risk = np.cumsum(wrong[np.argsort(spread, kind="stable")]) / count
    best = np.cumsum(np.sort(wrong)) / count
    return RiskCurve(count / len(wrong), risk, float(risk.mean()), float(best.mean()))
