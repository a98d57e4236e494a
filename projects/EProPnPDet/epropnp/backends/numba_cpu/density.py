"""Log densities of poses under mixtures of pose proposals.

A component is a multivariate t over translation times a distribution of the rotation. Densities are
added up as such, in double precision and in units of the largest constant of a component: the range
is ample, one logarithm per pose is left, and most of the rest runs in vector registers.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from epropnp.backends.numba_cpu.bessel import log_scaled_bessel
from epropnp.backends.numba_cpu.compiled import inlined, kernel

BLOCK = 128  # poses at a time
COMPONENT = 16  # numbers of a component: those of its translation come first
ROWS = 10  # of a block: pose, whitened square, exponent, sum
LOG_TWO_PI = float(np.log(2.0 * np.pi))


class Translations(NamedTuple):
    """Multivariate t distributions (K, B).

    Attributes:
        loc: (K, B, 3).
        factor: (K, B, 3, 3) lower triangular.
        log_shares: (K, B) of the components.
        freedom: degrees of freedom.
        exponent: half the sum of degrees of freedom and dimension.
        normalizer: log density at the mode of a distribution with a factor of determinant one.
    """

    loc: NDArray
    factor: NDArray
    log_shares: NDArray
    freedom: float
    exponent: float
    normalizer: float


class Headings(NamedTuple):
    """Mixtures of von Mises and uniform distributions (K, B).

    Attributes:
        loc: (K, B) radians.
        concentration: (K, B).
        uniform: share of the uniform part.
    """

    loc: NDArray
    concentration: NDArray
    uniform: float


class Directions(NamedTuple):
    """Angular central Gaussians (K, B): frame and lower triangular factor, both (K, B, 4, 4)."""

    frame: NDArray
    factor: NDArray


def scratch_size(components: int) -> int:
    """Numbers of scratch memory, in double precision, for so many components."""
    return COMPONENT * components + ROWS * BLOCK


@inlined
def _load(poses, start, count, obj, rows):
    """Write the numbers of poses as rows."""
    for s in range(count):
        for number in range(poses.shape[2]):
            rows[number, s] = poses[start + s, obj, number]


@inlined
def _component(part, k, obj, out):
    """Write location and inverse factor of a translation; log of its constant."""
    f = part.factor
    a, b, c = 1.0 / f[k, obj, 0, 0], 1.0 / f[k, obj, 1, 1], 1.0 / f[k, obj, 2, 2]
    out[0], out[1], out[2] = part.loc[k, obj, 0], part.loc[k, obj, 1], part.loc[k, obj, 2]
    out[3], out[4], out[5] = a, b, c
    out[6], out[7], out[8] = f[k, obj, 1, 0], f[k, obj, 2, 0], f[k, obj, 2, 1]
    return part.log_shares[k, obj] + part.normalizer + np.log(a) + np.log(b) + np.log(c)


@inlined
def _heavy_tail(c, x, y, z, freedom, exponent, out):
    """Write one over the density of translations, in units of that at the mode."""
    if exponent == 3.0:
        for s in range(len(x)):
            squared = 1.0 + _whitened(c, x[s], y[s], z[s]) / freedom
            out[s] = squared * squared * squared
        return
    for s in range(len(x)):
        out[s] = (1.0 + _whitened(c, x[s], y[s], z[s]) / freedom) ** exponent


@inlined
def _whitened(c, x, y, z):
    p = (x - c[0]) * c[3]
    q = (y - c[1] - c[6] * p) * c[4]
    r = (z - c[2] - c[7] * p - c[8] * q) * c[5]
    return p * p + q * q + r * r


@inlined
def _largest_constant(parts):
    """The largest of the constants of components, of which what they exceed it by is left."""
    top = -np.inf
    for k in range(len(parts)):
        top = max(top, parts[k, 9])
    for k in range(len(parts)):
        parts[k, 9] = np.exp(parts[k, 9] - top)
    return top


@kernel
def yaw_log_density(first, last, scratch, translations, headings, poses, out):
    """Log densities (S, B) of poses (S, B, 4); scratch `scratch_size`."""
    components, samples = headings.loc.shape[0], out.shape[0]
    parts = scratch[: COMPONENT * components].reshape((components, COMPONENT))
    rows = scratch[COMPONENT * components :].reshape((ROWS, BLOCK))
    flat = headings.uniform / (2.0 * np.pi)
    for obj in range(first, last):
        for k in range(components):
            concentration = np.float64(headings.concentration[k, obj])
            parts[k, 9] = _component(translations, k, obj, parts[k])
            parts[k, 10], parts[k, 11] = headings.loc[k, obj], -2.0 * concentration
            peak = np.exp(-LOG_TWO_PI - log_scaled_bessel(concentration))
            parts[k, 12] = (1.0 - headings.uniform) * peak
        top = _largest_constant(parts)
        for start in range(0, samples, BLOCK):
            count = min(BLOCK, samples - start)
            _load(poses, start, count, obj, rows)
            x, y, z, yaw = rows[0, :count], rows[1, :count], rows[2, :count], rows[3, :count]
            tail, total = rows[7, :count], rows[8, :count]
            total[:] = 0.0
            for k in range(components):
                c = parts[k]
                _heavy_tail(c, x, y, z, translations.freedom, translations.exponent, tail)
                for s in range(count):
                    sine = np.sin(0.5 * (yaw[s] - c[10]))
                    total[s] += c[9] * (c[12] * np.exp(c[11] * sine * sine) + flat) / tail[s]
            for s in range(count):
                out[start + s, obj] = top + np.log(total[s])


@kernel
def quaternion_log_density(first, last, scratch, translations, directions, poses, out):
    """Log densities (S, B) of poses (S, B, 7); scratch `scratch_size`."""
    components, samples = translations.loc.shape[0], out.shape[0]
    parts = scratch[: COMPONENT * components].reshape((components, COMPONENT))
    rows = scratch[COMPONENT * components :].reshape((ROWS, BLOCK))
    log_area = np.log(2.0 * np.pi * np.pi)
    for obj in range(first, last):
        for k in range(components):
            factor = directions.factor[k, obj]
            parts[k, 9] = _component(translations, k, obj, parts[k]) - log_area
            for row in range(4):
                parts[k, 9] -= np.log(factor[row, row])
        top = _largest_constant(parts)
        for start in range(0, samples, BLOCK):
            count = min(BLOCK, samples - start)
            _load(poses, start, count, obj, rows)
            x, y, z = rows[0, :count], rows[1, :count], rows[2, :count]
            w, i, j, m = rows[3, :count], rows[4, :count], rows[5, :count], rows[6, :count]
            tail, total = rows[7, :count], rows[8, :count]
            total[:] = 0.0
            for k in range(components):
                c = parts[k]
                frame, factor = directions.frame[k, obj], directions.factor[k, obj]
                _heavy_tail(c, x, y, z, translations.freedom, translations.exponent, tail)
                for s in range(count):
                    a, b, g, h = local_vector(frame, w[s], i[s], j[s], m[s])
                    squared = whitened_square(factor, a, b, g, h)
                    total[s] += c[9] / (tail[s] * squared * squared)
            for s in range(count):
                out[start + s, obj] = top + np.log(total[s])


@inlined
def whitened_square(factor, p, q, r, s):
    """Squared length of a vector of four, in units of a triangular factor."""
    a = p / factor[0, 0]
    b = (q - factor[1, 0] * a) / factor[1, 1]
    c = (r - factor[2, 0] * a - factor[2, 1] * b) / factor[2, 2]
    d = (s - factor[3, 0] * a - factor[3, 1] * b - factor[3, 2] * c) / factor[3, 3]
    return a * a + b * b + c * c + d * d


@inlined
def local_vector(frame, w, i, j, m):
    """A quaternion in the axes of a frame."""
    return (
        frame[0, 0] * w + frame[1, 0] * i + frame[2, 0] * j + frame[3, 0] * m,
        frame[0, 1] * w + frame[1, 1] * i + frame[2, 1] * j + frame[3, 1] * m,
        frame[0, 2] * w + frame[1, 2] * i + frame[2, 2] * j + frame[3, 2] * m,
        frame[0, 3] * w + frame[1, 3] * i + frame[2, 3] * j + frame[3, 3] * m,
    )
