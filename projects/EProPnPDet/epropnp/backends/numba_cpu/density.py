"""Log densities of poses under mixtures of pose proposals.

A component is a multivariate t over translation times a distribution of the rotation. Densities are
added up as such, in double precision and in units of the constant of a component: the range is
ample, one logarithm per pose is left, and the rest runs in vector registers.
"""

import numpy as np

from epropnp.backends.numba_cpu.bessel import log_scaled_bessel
from epropnp.backends.numba_cpu.compiled import inlined, kernel
from epropnp.backends.numba_cpu.elementary import exponential, sine_of_half
from epropnp.backends.numba_cpu.projection import load_poses
from epropnp.backends.numba_cpu.states import quaternion_of, translation_of
from epropnp.distributions import LOG_SPHERE_AREA, LOG_TWO_PI

BLOCK = 128  # poses at a time
COMPONENT = 16  # numbers of a component: its translation from 0, its constant at 9, its rotation
ROWS = 9  # of a block: pose, tail, sum


def scratch_size(components: int) -> int:
    """Numbers of scratch memory, in double precision, for so many components."""
    return COMPONENT * components + ROWS * BLOCK


@inlined
def _translation(row, constants, out):
    """Write location and inverse factor of a translation; log of its constant."""
    loc, f = translation_of(row)
    a = 1.0 / np.float64(f[0, 0])
    b = 1.0 / np.float64(f[1, 1])
    c = 1.0 / np.float64(f[2, 2])
    out[0], out[1], out[2] = loc[0], loc[1], loc[2]
    out[3], out[4], out[5] = a, b, c
    out[6], out[7], out[8] = f[1, 0], f[2, 0], f[2, 1]
    return constants.normalizer + np.log(a) + np.log(b) + np.log(c)


@inlined
def yaw_part(row, constants, out):
    """Write the numbers of a component (16,), with the log of its constant at 9."""
    concentration = np.float64(row[13])
    out[9] = _translation(row, constants, out)
    out[10], out[11] = row[12], -2.0 * concentration
    peak = np.exp(-LOG_TWO_PI - log_scaled_bessel(concentration))
    out[12] = (1.0 - constants.uniform) * peak
    out[13] = constants.uniform / (2.0 * np.pi)


@inlined
def quaternion_part(row, constants, out):
    """Like `yaw_part`."""
    factor = quaternion_of(row)[1]
    out[9] = _translation(row, constants, out) - LOG_SPHERE_AREA
    for line in range(4):
        out[9] -= np.log(np.float64(factor[line, line]))


@inlined
def _heavy_tail(c, poses, begin, constants, out):
    """Write one over the density of translations, in units of that at the mode."""
    end = begin + len(out)
    x, y, z = poses[0, begin:end], poses[1, begin:end], poses[2, begin:end]
    if constants.exponent == 3.0:
        for s in range(len(out)):
            squared = 1.0 + _whitened(c, x[s], y[s], z[s]) / constants.freedom
            out[s] = squared * squared * squared
        return
    for s in range(len(out)):
        out[s] = (1.0 + _whitened(c, x[s], y[s], z[s]) / constants.freedom) ** constants.exponent


@inlined
def _whitened(c, x, y, z):
    p = (x - c[0]) * c[3]
    q = (y - c[1] - c[6] * p) * c[4]
    r = (z - c[2] - c[7] * p - c[8] * q) * c[5]
    return p * p + q * q + r * r


@inlined
def add_yaw(c, row, constants, poses, begin, tail, total):
    """Add the densities of poses (4, S), from one on, to a total; the constant itself in ``c``."""
    _heavy_tail(c, poses, begin, constants, tail)
    yaw = poses[3, begin : begin + len(total)]
    share, loc, steep, peak, flat = c[9], c[10], c[11], c[12], c[13]
    for s in range(len(total)):
        sine = sine_of_half(yaw[s] - loc)
        total[s] += share * (peak * exponential(steep * sine * sine) + flat) / tail[s]


@inlined
def add_quaternion(c, row, constants, poses, begin, tail, total):
    """Add the densities of poses (7, S), from one on, to a total; the constant itself in ``c``."""
    _heavy_tail(c, poses, begin, constants, tail)
    frame, factor = quaternion_of(row)
    end, share = begin + len(total), c[9]
    w, i = poses[3, begin:end], poses[4, begin:end]
    j, k = poses[5, begin:end], poses[6, begin:end]
    for s in range(len(total)):
        p, q, r, t = local_vector(frame, w[s], i[s], j[s], k[s])
        squared = whitened_square(factor, p, q, r, t)
        total[s] += share / (tail[s] * squared * squared)


def _log_density(part_of, add):
    @kernel
    def log_density(first, last, scratch, rows, log_shares, constants, poses, out):
        """Log densities (S, B) of poses (S, B, P) under components (K, B, N)."""
        components, samples = len(rows), out.shape[0]
        parts = scratch[: COMPONENT * components].reshape((components, COMPONENT))
        block = scratch[COMPONENT * components :].reshape((ROWS, BLOCK))
        for obj in range(first, last):
            top = -np.inf
            for k in range(components):
                part_of(rows[k, obj], constants, parts[k])
                parts[k, 9] += log_shares[k, obj]
                top = max(top, parts[k, 9])
            for k in range(components):  # what they exceed the largest by is left
                parts[k, 9] = np.exp(parts[k, 9] - top)
            for start in range(0, samples, BLOCK):
                count = min(BLOCK, samples - start)
                tail, total = block[7, :count], block[8, :count]
                load_poses(poses, start, count, obj, block)
                total[:] = 0.0
                for k in range(components):
                    add(parts[k], rows[k, obj], constants, block, 0, tail, total)
                for s in range(count):
                    out[start + s, obj] = top + np.log(total[s])

    return log_density


LOG_DENSITY = {4: _log_density(yaw_part, add_yaw), 7: _log_density(quaternion_part, add_quaternion)}


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
