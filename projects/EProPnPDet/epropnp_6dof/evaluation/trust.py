"""How far the beliefs of a network are to be trusted, with what is fitted on other objects.

A temperature divides the cost of all objects; split conformal levels (Vovk; Lei et al., 2018) say
which nominal level holds the true pose with the wanted probability. Shapes: N objects,
T temperatures.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import spearmanr

from epropnp_results.analysis import (
    LEVELS,
    best_temperature,
    conformal_levels,
    coverage,
    coverage_numbers,
    held_out_images,
    risk_coverage,
)

from .beliefs import Beliefs

CORRECT = 0.1  # ADD(-S) in diameters
HARDEST = 0.75  # quantile of the spread from which objects count as hardest
FEWEST = 8  # solved objects for which the numbers mean anything


def trust_numbers(
    held: Beliefs, tested: Beliefs, temperatures: Sequence[float]
) -> dict[str, float]:
    """Calibration of tested objects by what held-out objects say.

    For beliefs "as predicted", with the "temperature" and with "conformal" levels on top, for all
    objects and the "hardest" quarter (largest spread): "error", the mean difference of coverage and
    level at 19 levels, and the shares inside the 50 and 90 % regions; for the first two the mean
    "log density" of the true pose in nats.

    Args:
        held: beliefs that a temperature and conformal levels are fitted on.
        tested: beliefs that are counted.
        temperatures: T of the beliefs, 1 among them.

    Raises:
        ValueError: fewer than `FEWEST` objects have a pose in one of the two.
    """
    held, tested = (each.select(each.valid) for each in (held, tested))
    for name, each in (("held-out", held), ("tested", tested)):
        if len(each.valid) < FEWEST:
            raise ValueError(f"{len(each.valid)} {name} objects have a pose, {FEWEST} are needed")
    plain = list(temperatures).index(1.0)
    best = best_temperature(held.log_density, temperatures)
    fitted = list(temperatures).index(best)
    nominal = conformal_levels(held.level[:, fitted], LEVELS)
    levels = {
        "as predicted": (tested.level[:, plain], LEVELS),
        "temperature": (tested.level[:, fitted], LEVELS),
        "conformal": (tested.level[:, fitted], nominal),
    }
    hard = tested.spread >= np.quantile(tested.spread, HARDEST)
    numbers = {"held out": len(held.valid), "tested": len(tested.valid), "fitted temperature": best}
    for step, (own, regions) in levels.items():
        for prefix, keep in (("", slice(None)), ("hardest, ", hard)):
            numbers |= coverage_numbers(f"{prefix}{step}", coverage(own[keep], regions))
    numbers["as predicted: log density"] = tested.log_density[:, plain].mean()
    numbers["temperature: log density"] = tested.log_density[:, fitted].mean()
    return {name: float(value) for name, value in numbers.items()}


def compare_splits(
    validation: Beliefs, test: Beliefs, temperatures: Sequence[float], share: float = 0.5
) -> dict[str, dict[str, float]]:
    """`trust_numbers` within each split, images held out, and from one split to the other.

    Args:
        validation: beliefs about one kind of images.
        test: beliefs about another.
        temperatures: T of the beliefs, 1 among them.
        share: of the images of a split that are held out.

    Returns:
        "validation", "validation to test" and "test"; those that have too few objects are missing.
    """
    pairs = {
        "validation": _halves(validation, share),
        "validation to test": (validation, test),
        "test": _halves(test, share),
    }
    return {
        name: trust_numbers(held, tested, temperatures)
        for name, (held, tested) in pairs.items()
        if min(held.valid.sum(), tested.valid.sum()) >= FEWEST
    }


def risk_by_spread(beliefs: Beliefs) -> np.ndarray:
    """Share of wrong poses among the 1, 2, ... N objects of the smallest spread."""
    beliefs = beliefs.select(beliefs.valid)
    return risk_coverage(_wrong(beliefs), -beliefs.spread)


def spread_numbers(beliefs: Beliefs) -> dict[str, float]:
    """Whether the spread tells the error.

    "count" of objects, and where there are enough of them rank correlation ("spearman"), share of
    wrong poses ("risk"), its mean over all shares of objects that are kept ("area under risk"), and
    that of the best order ("best area").
    """
    beliefs = beliefs.select(beliefs.valid)
    numbers = {"count": len(beliefs.valid)}
    if len(beliefs.valid) < FEWEST:
        return numbers
    risk, wrong = risk_by_spread(beliefs), _wrong(beliefs)
    return numbers | {
        "spearman": float(spearmanr(beliefs.spread, beliefs.error).statistic),
        "risk": float(risk[-1]),
        "area under risk": float(risk.mean()),
        "best area": float(risk_coverage(wrong, -wrong).mean()),
    }


def _wrong(beliefs: Beliefs) -> np.ndarray:
    return (beliefs.error >= CORRECT).astype(float)


def _halves(beliefs: Beliefs, share: float) -> tuple[Beliefs, Beliefs]:
    held = held_out_images(beliefs.images, share)
    return beliefs.select(held), beliefs.select(~held)
