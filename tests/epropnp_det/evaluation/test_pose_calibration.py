"""Errors drawn from their covariance are calibrated; scaled ones are not, by a known amount."""

import numpy as np
import pytest
from scipy.stats import chi2, norm

from epropnp_det.evaluation.pose_calibration import PoseErrors, calibration_scores, truth_levels

COUNT = 4000
MARGIN = 4 * np.sqrt(0.25 / COUNT)  # four standard errors of a share


def drawn(scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(COUNT, 3, 3)) * [[[0.3], [1.0], [0.1]]]
    covariance = factors @ factors.transpose(0, 2, 1) + 1e-4 * np.eye(3)
    roots = np.linalg.cholesky(covariance)
    errors = scale * (roots @ rng.normal(size=(COUNT, 3, 1)))[..., 0]
    return PoseErrors(errors[:, :2], errors[:, 2], covariance)


def test_levels_of_errors_from_the_density_are_uniform():
    for levels in truth_levels(drawn()).values():
        ranks = (np.arange(COUNT) + 0.5) / COUNT
        assert np.abs(np.sort(levels) - ranks).max() < 2 / np.sqrt(COUNT)  # Kolmogorov, 1 in 1000
    scores = calibration_scores(drawn())
    for name in ("place", "heading"):
        assert scores[f"calibration/{name}_error"] < MARGIN
        assert scores[f"calibration/{name}_in_90"] == pytest.approx(0.9, abs=MARGIN)


def test_overconfident_densities_hold_the_share_that_theory_says():
    scores = calibration_scores(drawn(scale=2))
    place = chi2.cdf(chi2.ppf(0.9, 2) / 4, 2)
    heading = 1 - 2 * norm.sf(norm.ppf(0.95) / 2)
    assert scores["calibration/place_in_90"] == pytest.approx(place, abs=MARGIN)
    assert scores["calibration/heading_in_90"] == pytest.approx(heading, abs=MARGIN)
    assert scores["calibration/place_error"] > 0.15


def test_covariances_that_are_none_are_left_out():
    errors = drawn()
    broken = errors.covariance.copy()
    broken[::2] = np.nan
    broken[1] = -np.eye(3)
    scores = calibration_scores(errors._replace(covariance=broken))
    assert scores["calibration/place_in_50"] == pytest.approx(0.5, abs=2 * MARGIN)
    assert calibration_scores(errors._replace(covariance=np.full((COUNT, 3, 3), np.nan))) == {}
