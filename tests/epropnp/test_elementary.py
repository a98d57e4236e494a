"""Elementary functions of the compiled backend against those of numpy."""

import math

import numpy as np
import pytest

numba = pytest.importorskip("numba", reason="the compiled backend needs numba")

from epropnp.backends.numba_cpu import elementary  # noqa: E402 - needs numba

ROUNDING = 16 * np.finfo(np.float64).eps


def over(function, values):
    """A function of kernels at many values; results as rows if it has several."""
    kernel = numba.njit(lambda value: function(value))
    return np.array([kernel(value) for value in np.asarray(values, dtype=np.float64)]).T


def test_exponential():
    values = np.linspace(-700.0, 700.0, 4001)
    # a relative error of the result is an absolute one of the exponent
    bound = ROUNDING * (1.0 + np.abs(values))
    assert (np.abs(over(elementary.exponential, values) / np.exp(values) - 1.0) < bound).all()
    low = over(elementary.exponential, [-math.inf, math.nan, -1e9])
    assert (low < 1e-300).all()
    assert np.isfinite(over(elementary.exponential, [math.inf, 1e9])).all()


@pytest.mark.parametrize("turns", [0, 1, -3])
def test_sines(turns):
    angles = np.linspace(-math.pi, math.pi, 2001)
    moved = angles + 2 * math.pi * turns
    bound = ROUNDING * (1.0 + abs(turns))
    sine, cosine = over(elementary.direction, moved)
    np.testing.assert_allclose(sine, np.sin(angles), rtol=0, atol=bound)
    np.testing.assert_allclose(cosine, np.cos(angles), rtol=0, atol=bound)
    half = over(elementary.sine_of_half, moved)
    np.testing.assert_allclose(np.abs(half), np.abs(np.sin(angles / 2)), rtol=0, atol=bound)
    assert np.isnan(over(elementary.direction, [math.nan, math.inf])).all()


def test_small_angles_keep_their_relative_precision():
    angles = 10.0 ** np.arange(-300.0, -2.0)
    np.testing.assert_allclose(
        over(elementary.sine_of_half, angles), np.sin(angles / 2), rtol=ROUNDING
    )
    np.testing.assert_allclose(
        over(elementary.tangent_of_turns, angles), np.tan(math.pi * angles), rtol=ROUNDING
    )


def test_tangent():
    turns = np.linspace(-0.49, 0.49, 2001)
    found = over(elementary.tangent_of_turns, turns)
    slope = math.pi / np.cos(math.pi * turns) ** 2  # by which rounding of the angle grows
    assert (np.abs(found - np.tan(math.pi * turns)) < ROUNDING * (1.0 + slope)).all()
    assert np.abs(over(elementary.tangent_of_turns, [-0.5, 0.5])).min() > 1e14
