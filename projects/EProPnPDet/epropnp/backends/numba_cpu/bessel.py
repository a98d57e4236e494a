"""The Bessel function of the von Mises distribution, for kernels.

exp(-x) I0(x) up to x = 8, and its product with the root of x beyond, are smooth enough for a
Chebyshev polynomial each. The polynomials are fitted here, at import, to the integral that defines
the function; the trapezoidal rule converges exponentially on a period.
"""

import numpy as np
from numpy.polynomial import chebyshev

from epropnp.backends.numba_cpu.compiled import inlined

SPLIT = 8.0
DEGREE = 32


def scaled_bessel(x: np.ndarray) -> np.ndarray:
    """exp(-x) I0(x), the mean of exp(x (cos t - 1)) over a turn t; x up to about 1e5."""
    angles = (np.arange(2048) + 0.5) * np.pi / 2048
    return np.exp(np.multiply.outer(x, np.cos(angles) - 1.0)).mean(-1)


def _beyond(t: np.ndarray) -> np.ndarray:
    x = 2.0 * SPLIT / (t + 1.0)
    return np.sqrt(x) * scaled_bessel(x)


NEAR = tuple(
    chebyshev.chebinterpolate(lambda t: scaled_bessel(SPLIT / 2 * (t + 1.0)), DEGREE).tolist()
)
FAR = tuple(chebyshev.chebinterpolate(_beyond, DEGREE).tolist())


@inlined
def _clenshaw(coefficients, t):
    """Sum of Chebyshev polynomials at t in [-1, 1]."""
    later, last = 0.0, 0.0
    for index in range(len(coefficients) - 1, 0, -1):
        later, last = coefficients[index] + 2.0 * t * later - last, later
    return coefficients[0] + t * later - last


@inlined
def log_scaled_bessel(x):
    """log(exp(-x) I0(x)) of x >= 0, in double precision."""
    if x <= SPLIT:
        return np.log(_clenshaw(NEAR, 2.0 / SPLIT * x - 1.0))
    return np.log(_clenshaw(FAR, 2.0 * SPLIT / x - 1.0)) - 0.5 * np.log(x)
