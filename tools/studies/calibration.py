"""What the pose densities of one trained detector are worth, as a row of numbers.

Levels, temperatures and conformal quantiles are those of ``epropnp_results.analysis``, fitted on
held-out images and measured on the others.
"""

from collections.abc import Callable

import numpy as np

from epropnp_results.analysis import (
    LEVELS,
    Pairs,
    as_promised,
    conformal_levels,
    coverage_numbers,
    fit_calibration,
    hold_out,
    risk_coverage,
)
from epropnp_results.analysis.calibration import sharpness
from epropnp_results.analysis.temperature import (
    calibrated_densities,
    quantities,
    tempered_levels,
)

HARDEST = 0.25
QUARTERS = (0.25, 0.5, 0.75)
Nominal = Callable[[np.ndarray], np.ndarray]  # wanted levels (L,) to nominal ones


def calibration_metrics(pairs: Pairs, held_out: float = 0.5) -> dict[str, float]:
    """Numbers by name: coverage and calibration error, risk, and how open headings are.

    For "place" and "heading", each "as it is", with the "temperature", with split "conformal"
    levels on top, and with conformal levels of each quarter of trust ("by trust"); for all objects
    and for the least trusted quarter ("hardest").

    Args:
        pairs: matched detections with densities.
        held_out: share of the images to fit on.

    Raises:
        ValueError: no densities, or too few images.
    """
    if not quantities(pairs):
        raise ValueError("the results hold no densities of place and heading")
    held, tested = hold_out(pairs, held_out)
    metrics = {"fitted on": float(len(held)), "tested on": float(len(tested))}
    fitted = fit_calibration(held)
    for quantity in quantities(pairs):
        plain = tempered_levels(tested, quantity, None)
        own = tempered_levels(tested, quantity, fitted)
        known = tempered_levels(held, quantity, fitted)
        groups = trust_groups(held.trust, tested.trust)
        outcomes = {
            "as it is": _inside(plain, LEVELS),
            "temperature": _inside(own, LEVELS),
            "conformal": _inside(own, conformal_levels(known, LEVELS)),
            "by trust": _by_group(own, known, groups),
        }
        hard = tested.trust <= np.quantile(tested.trust, HARDEST)
        for name, inside in outcomes.items():
            metrics |= coverage_numbers(f"{quantity}, {name}", inside.mean(0))
            metrics |= coverage_numbers(f"hardest {quantity}, {name}", inside[hard].mean(0))
    return metrics | risk_metrics(tested) | heading_metrics(pairs)


def trust_groups(held: np.ndarray, tested: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quarters of trust, numbers 0 to 3, of held-out and tested objects; borders of the former."""
    borders = np.quantile(held, QUARTERS)
    return np.searchsorted(borders, held), np.searchsorted(borders, tested)


def risk_metrics(pairs: Pairs) -> dict[str, float]:
    """Risk of the best part of the objects, the mean over all parts and that of half of them.

    Risks are the mean "position" error in metres and the share that is "wrong", farther off than
    trust promises. The best are those of largest trust, of the smallest 90 % "region" of places,
    or of largest score.
    """
    place = calibrated_densities(pairs, "place", None)
    orders = {
        "trust": pairs.trust,
        "region": -sharpness(place.grids, place.cells),
        "score": pairs.score,
    }
    risks = {"position": pairs.position, "wrong": 1.0 - as_promised(pairs, "detection")}
    metrics = {}
    for name, order in orders.items():
        for kind, errors in risks.items():
            risk = risk_coverage(errors, order)
            metrics[f"{kind} risk by {name}"] = float(risk.mean())
            metrics[f"{kind} risk of half by {name}"] = float(risk[max(len(risk) // 2 - 1, 0)])
    return metrics


def heading_metrics(pairs: Pairs) -> dict[str, float]:
    """How open the headings of each class are, means.

    "openness" is the share of the circle that a density is spread over, exp(entropy) / 2 pi: 1 for
    a flat one. "mass behind" is that beyond 90 degrees from the mode: 0 for a sharp peak, one half
    for a flat density and for two equal opposite peaks.
    """
    density = calibrated_densities(pairs, "heading", None)
    steps = density.grids.shape[1]
    mass = density.grids * density.cells[:, None]
    logs = np.log(np.maximum(mass, 1e-300))
    openness = np.exp(-(mass * logs).sum(1)) / steps
    apart = np.abs(np.arange(steps) - density.grids.argmax(1)[:, None])
    behind = (mass * (np.minimum(apart, steps - apart) > steps / 4)).sum(1)
    metrics = {}
    for label in sorted(set(pairs.label)):
        own = pairs.label == label
        metrics[f"openness, {label}"] = float(openness[own].mean())
        metrics[f"mass behind, {label}"] = float(behind[own].mean())
    return metrics


def _inside(levels: np.ndarray, nominal: np.ndarray) -> np.ndarray:
    """Whether each truth lies in the regions of the nominal levels (N, L)."""
    return levels[:, None] <= nominal


def _by_group(
    levels: np.ndarray, known: np.ndarray, groups: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    held, tested = groups
    inside = np.zeros((len(levels), len(LEVELS)), dtype=bool)
    for group in range(len(QUARTERS) + 1):
        nominal = conformal_levels(known[held == group], LEVELS)
        own = tested == group
        inside[own] = _inside(levels[own], nominal)
    return inside
