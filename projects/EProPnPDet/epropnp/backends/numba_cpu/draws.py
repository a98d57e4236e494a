"""Poses drawn from proposals: torch's random numbers in, poses out.

The random numbers come from torch's generator, in the order in which the eager distributions ask
for them, so one seed gives the same samples. Rejection stops at the last sample that is needed.
"""

import numpy as np

from epropnp.backends.numba_cpu.compiled import inlined, kernel


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
def translations(first, last, scratch, loc, factor, normal, out):
    """Draws (S, B, 3 of P) of multivariate t distributions."""
    freedom = normal.shape[2] - 3
    for obj in range(first, last):
        for s in range(out.shape[0]):
            _translation(out, s, obj, loc, factor, normal, freedom)


@kernel
def quaternions(first, last, scratch, factor, normal, out):
    """Draws (S, B, 4 of P) of angular central Gaussians, from full factors (B, 4, 4)."""
    dtype = out.dtype
    zero, one, tiny = dtype.type(0), dtype.type(1), dtype.type(np.finfo(np.float32).tiny)
    for obj in range(first, last):
        for s in range(out.shape[0]):
            squares = zero
            for row in range(4):
                total = zero
                for column in range(4):
                    total += factor[obj, row, column] * normal[s, obj, column]
                out[s, obj, 3 + row] = total
                squares += total * total
            norm = np.sqrt(squares)
            for row in range(4):
                straight = one if row == 0 else zero
                out[s, obj, 3 + row] = out[s, obj, 3 + row] / norm if norm > tiny else straight


@kernel
def von_mises(first, last, scratch, concentration, candidates, chances, out):
    """Draws (S, B) centred on zero; see `epropnp.distributions.sample_von_mises`.

    ``candidates`` and ``chances`` are uniform numbers (2 S + 32, B); scratch S.
    """
    dtype = out.dtype
    one, half, two, pi = dtype.type(1), dtype.type(0.5), dtype.type(2), dtype.type(np.pi)
    wanted = out.shape[0]
    for obj in range(first, last):
        kappa = concentration[obj]
        root = np.sqrt(one + (two * kappa) * (two * kappa))
        total = root + two * kappa
        slack = one / total
        envelope = (one + slack) / (one + total)
        scale, level = np.sqrt(envelope), half * (one + total)
        found = 0
        refused = 0
        for c in range(candidates.shape[0]):
            if found == wanted:
                break
            tangent = scale * np.tan(pi * (candidates[c, obj] - half))
            sine2 = tangent * tangent
            sine2 = sine2 / (one + sine2) if sine2 < np.inf else one
            density = np.exp(half * (one - slack) - two * kappa * sine2)
            density *= (envelope + (one - envelope) * sine2) * level
            if chances[c, obj] > density:
                if refused < wanted:
                    scratch[refused] = tangent
                    refused += 1
            else:
                out[found, obj] = two * np.arctan(tangent)
                found += 1
        for s in range(found, wanted):
            out[s, obj] = two * np.arctan(scratch[s - found])
