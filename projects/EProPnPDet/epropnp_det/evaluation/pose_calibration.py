"""Do the covariances of poses say how far off they are?

The level of a detection is the mass of the smallest ellipse around it that reaches the true place:
uniform over many objects if covariances are right (:mod:`epropnp_results.analysis.calibration`).
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from epropnp_results.analysis.calibration import calibration_error, coverage

WANTED = (0.5, 0.9)


class PoseErrors(NamedTuple):
    """N matched detections.

    Attributes:
        place: (N, 2) error along x and z of the ground frame, metres.
        heading: (N,) in [-pi, pi].
        covariance: (N, 3, 3) of x, z and heading.
    """

    place: np.ndarray
    heading: np.ndarray
    covariance: np.ndarray


def truth_levels(errors: PoseErrors) -> dict[str, np.ndarray]:
    """Levels (N,) of place and heading under normal densities."""
    solved = np.linalg.solve(errors.covariance[:, :2, :2], errors.place[..., None])[..., 0]
    return dict(
        place=chi2.cdf((errors.place * solved).sum(1), 2),
        heading=chi2.cdf(errors.heading**2 / errors.covariance[:, 2, 2], 1),
    )


def calibration_scores(errors: PoseErrors) -> dict[str, float]:
    """Expected calibration error, and share of truths inside regions of 50 and 90 %.

    Detections whose covariance is not that of a density are left out; without any others nothing
    is returned.
    """
    covariance = np.where(np.isfinite(errors.covariance), errors.covariance, 0.0)
    usable = np.linalg.eigvalsh(covariance)[:, 0] > 0
    if not usable.any():
        return {}
    scores = {}
    for name, levels in truth_levels(PoseErrors(*(each[usable] for each in errors))).items():
        scores[f"calibration/{name}_error"] = calibration_error(levels)
        for wanted, share in zip(WANTED, coverage(levels, np.array(WANTED)), strict=True):
            scores[f"calibration/{name}_in_{100 * wanted:.0f}"] = float(share)
    return scores
