"""Conformal margins against closed forms of normal errors, and what few truths promise."""

import numpy as np
import pytest
from scipy.stats import norm

from epropnp_results.analysis.intervals import (
    AXES,
    conformal_margin,
    fit_margins,
    interval_coverage,
    interval_scores,
    stretch_all,
    stretched,
)

LEVELS = (0.5, 0.9)
COUNT = 4000


def normal_case(width, seed):
    """Intervals of deviations 0.1 to 0.4 per object; errors are ``width`` times as wide."""
    rng = np.random.default_rng(seed)
    deviation = rng.uniform(0.1, 0.4, (COUNT, 4))
    middle = rng.uniform(-5, 30, (COUNT, 4))
    half = np.stack([norm.ppf(0.5 + level / 2) * deviation for level in LEVELS], axis=1)
    intervals = middle[:, None, :, None] + half[..., None] * np.array([-1, 1])
    return intervals, middle + width * deviation * rng.standard_normal((COUNT, 4))


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_margin_of_normal_errors(width):
    """Intervals have to be ``width`` times as long: a margin of (width - 1) / 2 lengths."""
    margins = fit_margins(*normal_case(width, 0), LEVELS)
    for level in LEVELS:
        half = norm.ppf(0.5 + level / 2)
        # deviation of the empirical quantile of |N(0, 1)|, in lengths of the interval
        deviation = np.sqrt(level * (1 - level) / COUNT) / (2 * norm.pdf(half)) * width / (2 * half)
        for axis in AXES:
            assert margins[str(level)][axis] == pytest.approx((width - 1) / 2, abs=5 * deviation)


def test_stretched_intervals_hold_new_truths_as_often_as_wanted():
    margins = fit_margins(*normal_case(2.0, 0), LEVELS)
    intervals, truth = normal_case(2.0, 1)
    before = interval_coverage(intervals, truth, LEVELS)
    after = interval_coverage(stretch_all(intervals, LEVELS, margins), truth, LEVELS)
    for level in LEVELS:
        bound = 5 * np.sqrt(2 * level * (1 - level) / COUNT)  # of both sets together
        for axis in AXES:
            assert before[str(level)][axis] < level - 0.1
            assert after[str(level)][axis] == pytest.approx(level, abs=bound)


def test_few_truths_keep_the_promise_or_make_none():
    """Mean over many draws of 19 scores: between q and q + 1 / 20."""
    scores = np.random.default_rng(0).uniform(size=(4000, 19))
    reached = np.mean([conformal_margin(row, 0.9) for row in scores])
    assert 0.9 - 0.004 < reached < 0.95 + 0.004
    assert conformal_margin(scores[0, :8], 0.9) is None
    few = fit_margins(np.zeros((8, 2, 4, 2)), np.zeros((8, 4)), LEVELS)
    assert few["0.9"] == {}
    intervals = normal_case(1.0, 0)[0]
    np.testing.assert_allclose(stretch_all(intervals, LEVELS, {"0.9": {}}), intervals)


def test_score_is_where_the_truth_meets_the_end():
    interval = np.array([2.0, 6.0])
    for truth in (1.0, 3.0, 4.0, 9.0):
        score = interval_scores(interval, np.array(truth))
        ends = stretched(interval, float(score))
        assert np.abs(ends - truth).min() < 1e-12
    np.testing.assert_allclose(stretched(interval, -3.0), [4.0, 4.0])
