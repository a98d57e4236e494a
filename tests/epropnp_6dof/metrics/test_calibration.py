"""Coverage, temperature and risk of distributions whose truth is known."""

import numpy as np
import pytest

from epropnp_6dof.metrics.calibration import (
    best_temperature,
    coverage,
    rank_correlation,
    risk_coverage,
)


def test_coverage_of_uniform_levels_is_nominal_and_of_overconfident_ones_less():
    rng = np.random.default_rng(0)
    levels = rng.random(20000)
    found = coverage(levels)
    for probability, share in found.items():
        spread = np.sqrt(probability * (1 - probability) / len(levels))
        assert share == pytest.approx(probability, abs=5 * spread)
    assert coverage(np.sqrt(levels))[0.5] == pytest.approx(0.25, abs=0.02)


def test_temperature_of_a_normal_density_is_its_missing_variance():
    """Errors of variance 4 under a density that claims 1: the best temperature is 4."""
    errors = 2 * np.random.default_rng(1).standard_normal(50000)
    temperatures = [1.0, 2.0, 4.0, 8.0]
    log_density = np.stack(
        [-(errors**2) / (2 * t) - 0.5 * np.log(2 * np.pi * t) for t in temperatures], axis=1
    )
    assert temperatures[best_temperature(log_density, temperatures)] == 4


def test_rank_correlation_ignores_scale():
    spread = np.array([0.1, 0.2, 0.3, 5.0])
    assert rank_correlation(spread, spread**3) == pytest.approx(1)
    assert rank_correlation(spread, -spread) == pytest.approx(-1)


def test_risk_of_a_perfect_order_and_of_a_worthless_one():
    wrong = np.array([False, True, False, True])
    perfect = risk_coverage(wrong.astype(float), wrong)
    np.testing.assert_allclose(perfect.risk, [0, 0, 1 / 3, 1 / 2])
    assert perfect.area == perfect.best_area == pytest.approx((1 / 3 + 1 / 2) / 4)
    reverse = risk_coverage(-wrong.astype(float), wrong)
    np.testing.assert_allclose(reverse.risk, [1, 1, 2 / 3, 1 / 2])
    assert reverse.coverage.tolist() == [0.25, 0.5, 0.75, 1]
