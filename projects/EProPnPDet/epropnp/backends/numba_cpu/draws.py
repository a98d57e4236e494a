"""Poses drawn from proposals: torch's random numbers in, poses out.

The random numbers come from torch's generator, in the order in which the eager distributions ask
for them, so one seed gives the same samples. Rejection stops at the last sample that is needed.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from epropnp.backends.numba_cpu.compiled import inlined, kernel


class HeadingNumbers(NamedTuple):
    """Uniform numbers of the headings of S samples, of which the first are uniform.

    Attributes:
        uniform: (U, B) of uniform headings.
        candidates: (C, B) of the candidates of rejection.
        chances: (C, B) by which they are refused.
        one_more: (1, B) that decide whether the last uniform heading is used, or (0, B).
        rest: below which it is.
    """

    uniform: NDArray
    candidates: NDArray
    chances: NDArray
    one_more: NDArray
    rest: np.floating


@inlined
def _translation(out, s, obj, loc, factor, normal, freedom):
    """Write a draw of a multivariate t; normal (S, B, 3 + freedom)."""
    squares = normal[s, obj, 3] * normal[s, obj, 3]
    for index in range(4, 3 + freedom):
        squares += normal[s, obj, index] * normal[s, obj, index]
    stretch = np.sqrt(normal.dtype.type(freedom) / squares)
    a, b, c = (
        normal[s, obj, 0] * stretch,
        normal[s, obj, 1] * stretch,
        normal[s, obj, 2] * stretch,
    )
    out[s, obj, 0] = loc[obj, 0] + factor[obj, 0, 0] * a
    out[s, obj, 1] = loc[obj, 1] + factor[obj, 1, 0] * a + factor[obj, 1, 1] * b
    out[s, obj, 2] = (
        loc[obj, 2] + factor[obj, 2, 0] * a + factor[obj, 2, 1] * b + factor[obj, 2, 2] * c
    )


@kernel
def yaw_draws(first, last, scratch, loc, factor, normal, yaw, concentration, numbers, out):
    """Draws (S, B, 4) of proposals (B,) from normal numbers (S, B, 3 + freedom); scratch S."""
    dtype = out.dtype.type
    one, two, pi = dtype(1), dtype(2), dtype(np.pi)
    freedom, whole = normal.shape[2] - 3, len(numbers.uniform) - len(numbers.one_more)
    for obj in range(first, last):
        for s in range(out.shape[0]):
            _translation(out, s, obj, loc, factor, normal, freedom)
        for s in range(whole):
            out[s, obj, 3] = (two * numbers.uniform[s, obj] - one) * pi
        _von_mises(obj, concentration[obj], numbers, scratch, out[whole:, obj, 3])
        for s in range(whole, out.shape[0]):
            out[s, obj, 3] = (out[s, obj, 3] + yaw[obj] + pi) % (two * pi) - pi
        if len(numbers.one_more) > 0 and numbers.one_more[0, obj] < numbers.rest:
            out[whole, obj, 3] = (two * numbers.uniform[whole, obj] - one) * pi


@inlined
def _von_mises(obj, kappa, numbers, refusals, out):
    """Write draws (S,) centred on zero; see `epropnp.distributions.sample_von_mises`."""
    dtype = out.dtype.type
    one, half, two, pi = dtype(1), dtype(0.5), dtype(2), dtype(np.pi)
    root = np.sqrt(one + (two * kappa) * (two * kappa))
    total = root + two * kappa
    slack = one / total
    envelope = (one + slack) / (one + total)
    scale, level = np.sqrt(envelope), half * (one + total)
    found, refused, wanted = 0, 0, len(out)
    for c in range(numbers.candidates.shape[0]):
        if found == wanted:
            break
        tangent = scale * np.tan(pi * (numbers.candidates[c, obj] - half))
        sine2 = tangent * tangent
        sine2 = sine2 / (one + sine2) if sine2 < np.inf else one
        density = np.exp(half * (one - slack) - two * kappa * sine2)
        density *= (envelope + (one - envelope) * sine2) * level
        if numbers.chances[c, obj] > density:
            if refused < wanted:
                refusals[refused] = tangent
                refused += 1
        else:
            out[found] = two * np.arctan(tangent)
            found += 1
    for s in range(found, wanted):
        out[s] = two * np.arctan(refusals[s - found])


@kernel
def quaternion_draws(first, last, scratch, loc, factor, normal, frame, spread, numbers, out):
    """Draws (S, B, 7) of proposals (B,).

    From normal numbers (S, B, 3 + freedom) of the translations and (S, B, 4) of the quaternions;
    ``frame`` and ``spread`` (B, 4, 4) are frame and factor of the latter. Scratch 16.
    """
    dtype = out.dtype.type
    zero, one, tiny = dtype(0), dtype(1), dtype(np.finfo(np.float32).tiny)
    freedom, both = normal.shape[2] - 3, scratch[:16].reshape((4, 4))
    for obj in range(first, last):
        for row in range(4):
            for column in range(4):
                total = zero
                for k in range(column, 4):
                    total += frame[obj, row, k] * spread[obj, k, column]
                both[row, column] = total
        for s in range(out.shape[0]):
            _translation(out, s, obj, loc, factor, normal, freedom)
            squares = zero
            for row in range(4):
                total = zero
                for column in range(4):
                    total += both[row, column] * numbers[s, obj, column]
                out[s, obj, 3 + row] = total
                squares += total * total
            norm = np.sqrt(squares)
            for row in range(4):
                straight = one if row == 0 else zero
                out[s, obj, 3 + row] = out[s, obj, 3 + row] / norm if norm > tiny else straight
