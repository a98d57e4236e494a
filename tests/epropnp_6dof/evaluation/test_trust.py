"""Trust in beliefs: what is fitted on some objects makes the regions of others right."""

import numpy as np
import pytest
from scipy.stats import norm

from epropnp_6dof.evaluation.beliefs import Beliefs
from epropnp_6dof.evaluation.trust import FEWEST, compare_splits, spread_numbers, trust_numbers

TEMPERATURES = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0]
COUNT = 4000


def gaussian_beliefs(width: float, seed: int, count: int = COUNT) -> Beliefs:
    """Normal beliefs of deviation 1 about errors of deviation ``width``, one dimension."""
    rng = np.random.default_rng(seed)
    error = width * rng.standard_normal(count)
    deviation = np.sqrt(TEMPERATURES)
    density = norm.logpdf(error[:, None], scale=deviation)
    level = 1 - 2 * norm.sf(np.abs(error)[:, None] / deviation)
    images = np.array([f"{number // 4:06d}" for number in range(count)])
    valid = np.ones(count, dtype=bool)
    return Beliefs(valid.astype(int), images, density, level, rng.random(count), error, valid)


def test_a_temperature_makes_beliefs_that_are_too_sure_right():
    numbers = trust_numbers(gaussian_beliefs(2.0, 0), gaussian_beliefs(2.0, 1), TEMPERATURES)
    assert numbers["fitted temperature"] == 4.0
    spread = 3 * np.sqrt(0.25 / COUNT)  # three standard errors of a share
    for level in (0.5, 0.9):
        plain = 1 - 2 * norm.sf(norm.isf((1 - level) / 2) / 2)
        assert numbers[f"as predicted: {level:.0%}"] == pytest.approx(plain, abs=spread)
        assert numbers[f"temperature: {level:.0%}"] == pytest.approx(level, abs=spread)
    assert numbers["as predicted: error"] > 0.15
    assert numbers["temperature: error"] < spread
    entropy = -0.5 * np.log(2 * np.pi * np.e * 4)
    assert numbers["temperature: log density"] == pytest.approx(entropy, abs=3 / np.sqrt(COUNT))


def test_conformal_levels_mend_what_no_temperature_on_the_list_can():
    numbers = trust_numbers(gaussian_beliefs(1.2, 0), gaussian_beliefs(1.2, 1), TEMPERATURES)
    spread = 3 * np.sqrt(0.25 / COUNT)
    assert numbers["temperature: error"] > 2 * spread
    assert numbers["conformal: error"] < 2 * spread  # both halves are samples
    assert numbers["conformal: 90%"] == pytest.approx(0.9, abs=2 * spread)


def test_the_hardest_are_those_of_the_largest_spread():
    held, tested = gaussian_beliefs(1.0, 0), gaussian_beliefs(1.0, 1)
    wide = np.argsort(tested.spread)[-COUNT // 4 :]
    tested.level[wide] = 1.0
    numbers = trust_numbers(held, tested, TEMPERATURES)
    assert numbers["hardest, as predicted: 90%"] == 0.0
    assert numbers["as predicted: 90%"] == pytest.approx(0.9 * 0.75, abs=0.03)


def test_objects_without_a_pose_do_not_count():
    held, tested = gaussian_beliefs(1.0, 0), gaussian_beliefs(1.0, 1)
    plain = trust_numbers(held, tested, TEMPERATURES)
    more = Beliefs(*(np.concatenate([column, column[:50]]) for column in tested))
    more.log_density[-50:] = -np.inf
    more.valid[-50:] = False
    assert trust_numbers(held, more, TEMPERATURES) == plain


def test_splits_hold_out_whole_images_and_small_ones_are_left_out():
    validation, test = gaussian_beliefs(2.0, 0), gaussian_beliefs(1.0, 1, FEWEST - 1)
    found = compare_splits(validation, test, TEMPERATURES)
    assert set(found) == {"validation"}
    assert found["validation"]["held out"] % 4 == 0
    assert found["validation"]["held out"] + found["validation"]["tested"] == COUNT
    both = compare_splits(validation, gaussian_beliefs(1.0, 1), TEMPERATURES)
    assert both["validation to test"]["fitted temperature"] == 4.0
    assert both["test"]["fitted temperature"] == 1.0


def test_a_spread_that_orders_the_errors_has_the_best_risk():
    beliefs = gaussian_beliefs(1.0, 0, 100)
    told = beliefs._replace(error=beliefs.spread / 5)
    numbers = spread_numbers(told)
    assert numbers["spearman"] == pytest.approx(1.0)
    assert numbers["area under risk"] == numbers["best area"] < numbers["risk"]
    assert spread_numbers(told.select(np.arange(3))) == {"count": 3}
