"""Log densities of poses under mixtures of pose proposals.

A component is a multivariate t over translation times a distribution of the rotation. What depends
on the component alone comes in as its constant. The sum over components is taken on the way, in
units of the largest term so far, so nothing of the size samples x components is stored.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from epropnp.backends.numba_cpu.compiled import inlined, kernel


class Translations(NamedTuple):
    """Multivariate t distributions (K, B).

    Attributes:
        loc: (K, B, 3).
        factor: (K, B, 3, 3) lower triangular.
        constant: (K, B) what does not depend on the pose; with the logs of the shares.
        exponent: half the sum of degrees of freedom and dimension.
        freedom: degrees of freedom.
    """

    loc: NDArray
    factor: NDArray
    constant: NDArray
    exponent: np.floating
    freedom: np.floating


class Headings(NamedTuple):
    """Mixtures of von Mises and uniform distributions (K, B).

    Attributes:
        loc: (K, B) radians.
        concentration: (K, B).
        constant: (K, B) log density of the von Mises part at its mode, with its share.
        flat: density of the uniform part, with its share.
    """

    loc: NDArray
    concentration: NDArray
    constant: NDArray
    flat: np.floating


class Directions(NamedTuple):
    """Angular central Gaussians (K, B): frame and lower triangular factor, both (K, B, 4, 4)."""

    frame: NDArray
    factor: NDArray


@inlined
def _translation_log(part, k, obj, x, y, z):
    """Log density of a translation, with the constant."""
    factor = part.factor
    a = (x - part.loc[k, obj, 0]) / factor[k, obj, 0, 0]
    b = (y - part.loc[k, obj, 1] - factor[k, obj, 1, 0] * a) / factor[k, obj, 1, 1]
    c = z - part.loc[k, obj, 2] - factor[k, obj, 2, 0] * a - factor[k, obj, 2, 1] * b
    c = c / factor[k, obj, 2, 2]
    squared = a * a + b * b + c * c
    return part.constant[k, obj] - part.exponent * np.log1p(squared / part.freedom)


@inlined
def whitened_square(factor, k, obj, p, q, r, s):
    """Squared length of a vector of four, in units of a triangular factor."""
    a = p / factor[k, obj, 0, 0]
    b = (q - factor[k, obj, 1, 0] * a) / factor[k, obj, 1, 1]
    c = (r - factor[k, obj, 2, 0] * a - factor[k, obj, 2, 1] * b) / factor[k, obj, 2, 2]
    d = s - factor[k, obj, 3, 0] * a - factor[k, obj, 3, 1] * b - factor[k, obj, 3, 2] * c
    d = d / factor[k, obj, 3, 3]
    return a * a + b * b + c * c + d * d


@inlined
def local_vector(frame, k, obj, w, i, j, m):
    """A quaternion in the axes of a frame."""
    return (
        frame[k, obj, 0, 0] * w
        + frame[k, obj, 1, 0] * i
        + frame[k, obj, 2, 0] * j
        + frame[k, obj, 3, 0] * m,
        frame[k, obj, 0, 1] * w
        + frame[k, obj, 1, 1] * i
        + frame[k, obj, 2, 1] * j
        + frame[k, obj, 3, 1] * m,
        frame[k, obj, 0, 2] * w
        + frame[k, obj, 1, 2] * i
        + frame[k, obj, 2, 2] * j
        + frame[k, obj, 3, 2] * m,
        frame[k, obj, 0, 3] * w
        + frame[k, obj, 1, 3] * i
        + frame[k, obj, 2, 3] * j
        + frame[k, obj, 3, 3] * m,
    )


@inlined
def _include(top, total, term):
    """Add exp(term) to a sum ``total exp(top)``; what is not a number stays."""
    if term > top:
        return term, total * np.exp(top - term) + np.exp(term - term)
    if term == -np.inf:
        return top, total
    return top, total + np.exp(term - top)


@kernel
def yaw_log_density(first, last, scratch, translations, headings, poses, out):
    """Log densities (S, B) of poses (S, B, 4)."""
    dtype = out.dtype
    zero, half, two = dtype.type(0), dtype.type(0.5), dtype.type(2)
    nothing = dtype.type(-np.inf)
    for obj in range(first, last):
        for s in range(out.shape[0]):
            top, total = nothing, zero
            x, y, z, yaw = poses[s, obj, 0], poses[s, obj, 1], poses[s, obj, 2], poses[s, obj, 3]
            for k in range(headings.loc.shape[0]):
                sine = np.sin(half * (yaw - headings.loc[k, obj]))
                peaked = headings.constant[k, obj]
                peaked -= two * headings.concentration[k, obj] * (sine * sine)
                term = _translation_log(translations, k, obj, x, y, z)
                term += np.log(np.exp(peaked) + headings.flat)
                top, total = _include(top, total, term)
            out[s, obj] = top + np.log(total)


@kernel
def quaternion_log_density(first, last, scratch, translations, directions, poses, out):
    """Log densities (S, B) of poses (S, B, 7)."""
    dtype = out.dtype
    zero, two, nothing = dtype.type(0), dtype.type(2), dtype.type(-np.inf)
    for obj in range(first, last):
        for s in range(out.shape[0]):
            top, total = nothing, zero
            x, y, z = poses[s, obj, 0], poses[s, obj, 1], poses[s, obj, 2]
            w, i, j, m = poses[s, obj, 3], poses[s, obj, 4], poses[s, obj, 5], poses[s, obj, 6]
            for k in range(translations.loc.shape[0]):
                p, q, r, t = local_vector(directions.frame, k, obj, w, i, j, m)
                squared = whitened_square(directions.factor, k, obj, p, q, r, t)
                term = _translation_log(translations, k, obj, x, y, z) - two * np.log(squared)
                top, total = _include(top, total, term)
            out[s, obj] = top + np.log(total)
