"""Proposals fitted to weighted samples, by the rule `ScaledFit`; see `epropnp.proposals`."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from epropnp.backends.numba_cpu.compiled import inlined, kernel
from epropnp.backends.numba_cpu.density import local_vector, whitened_square
from epropnp.backends.numba_cpu.triangular import cholesky
from epropnp.fitting import ROUNDING_MARGIN
from epropnp.proposals import KAPPA_SHARE

ROWS = 8  # of scratch memory, one number per sample: shares, then pose or local quaternion
SMALL = 64  # numbers of scratch memory besides: matrices


class YawFit(NamedTuple):
    """What a fit writes: (B, 3), (B, 3, 3), (B,) and (B,)."""

    loc: NDArray
    factor: NDArray
    yaw: NDArray
    concentration: NDArray


class QuaternionFit(NamedTuple):
    """What a fit writes: (B, 3), (B, 3, 3), and twice (B, 4, 4)."""

    loc: NDArray
    factor: NDArray
    frame: NDArray
    spread: NDArray


def scratch_size(samples: int, carriers: int) -> int:
    """Numbers of scratch memory for so many samples."""
    return ROWS * samples + carriers + SMALL


@inlined
def _shares(log_weights, obj, carriers, largest, out):
    """Write the softmax (S,) of log weights (S, B), the largest lowered to the carriers-th largest.

    See `epropnp.fitting.normalized_weights` and `clip_log_weights`.
    """
    dtype = out.dtype.type
    nothing = dtype(-np.inf)
    samples = len(out)
    top, total = _ceiling(log_weights, obj, carriers, largest), dtype(0)
    for s in range(samples):
        value = log_weights[s, obj]
        if top == nothing:  # no sample has a weight: all count the same
            share = dtype(1)
        elif np.isfinite(value):
            share = np.exp(min(value, top) - top)
        else:
            share = dtype(0)
        out[s] = share
        total += share
    for s in range(samples):
        out[s] /= total


@inlined
def _ceiling(log_weights, obj, carriers, largest):
    """The ``carriers``-th largest finite log weight, or the lowest if there are fewer."""
    count = 0
    for s in range(log_weights.shape[0]):
        value = log_weights[s, obj]
        if not np.isfinite(value) or (count == carriers and not value > largest[count - 1]):
            continue
        at = count if count < carriers else carriers - 1
        while at > 0 and largest[at - 1] < value:
            largest[at] = largest[at - 1]
            at -= 1
        largest[at] = value
        count = min(count + 1, carriers)
    return largest[count - 1] if count > 0 else log_weights.dtype.type(-np.inf)


@inlined
def _translation(poses, obj, shares, rows, matrix, loc, factor):
    """Write mean and guarded factor of the translations; three rows and a matrix are scratch."""
    zero = loc.dtype.type(0)
    magnitude = zero
    for axis in range(3):
        row = rows[axis]
        total = zero
        for s in range(len(shares)):
            row[s] = poses[s, obj, axis]
        for s in range(len(shares)):
            total += shares[s] * row[s]
        for s in range(len(shares)):
            row[s] -= total
        loc[axis] = total
        magnitude = max(magnitude, abs(total))
        for other in range(axis + 1):
            matrix[axis, other] = _moment(shares, row, rows[other])
    _guarded(matrix, magnitude, factor, 3)


@inlined
def _moment(shares, first, second):
    total = shares.dtype.type(0)
    for s in range(len(shares)):
        total += shares[s] * first[s] * second[s]
    return total


@inlined
def _rounding_variance(magnitude, dtype):
    step = dtype(ROUNDING_MARGIN * np.finfo(dtype).eps) * (magnitude + dtype(1e-6))
    return step * step


@inlined
def _guarded(matrix, magnitude, factor, size):
    """Write the factor of a covariance with a ridge; deviations alone where there is none.

    See `ScaledFit`. The ridge is left in the matrix.
    """
    dtype = factor.dtype.type
    relative = dtype(ROUNDING_MARGIN * np.finfo(dtype).eps)
    least = _rounding_variance(magnitude, dtype)
    for row in range(size):
        matrix[row, row] += relative * matrix[row, row] + least
    solved = cholesky(matrix, factor, size)
    for row in range(size):
        for column in range(size):
            if column > row or not solved:
                factor[row, column] = dtype(0)
        if not solved:
            factor[row, row] = np.sqrt(matrix[row, row])


@kernel
def yaw_fit(first, last, scratch, poses, log_weights, carriers, out):
    """Fit to poses (S, B, 4) with log weights (S, B); scratch `scratch_size`."""
    dtype = log_weights.dtype.type
    one, half, two = dtype(1), dtype(0.5), dtype(2)
    samples = len(poses)
    rows, rest = scratch[: ROWS * samples].reshape((ROWS, samples)), scratch[ROWS * samples :]
    matrix, largest = rest[:9].reshape((3, 3)), rest[SMALL:]
    for obj in range(first, last):
        shares = rows[0]
        _shares(log_weights, obj, carriers, largest, shares)
        _translation(poses, obj, shares, rows[1:4], matrix, out.loc[obj], out.factor[obj])
        sines, cosines, spread = dtype(0), dtype(0), dtype(0)
        for s in range(samples):
            sines += shares[s] * np.sin(poses[s, obj, 3])
            cosines += shares[s] * np.cos(poses[s, obj, 3])
        yaw = np.arctan2(sines, cosines)
        for s in range(samples):
            sine = np.sin(half * (poses[s, obj, 3] - yaw))
            spread += shares[s] * two * sine * sine
        resultant = one - spread
        variance, least = spread * (one + resultant), _rounding_variance(abs(yaw) + one, dtype)
        variance = least if variance < least else variance
        length = dtype(1e-5) if resultant < dtype(1e-5) else resultant
        out.yaw[obj] = yaw
        concentration = length * (two - resultant * resultant) / variance
        out.concentration[obj] = dtype(KAPPA_SHARE) * concentration


@kernel
def quaternion_fit(first, last, scratch, poses, log_weights, setting, out):
    """Fit to poses (S, B, 7); setting: carriers, fixed-point steps. Scratch `scratch_size`."""
    carriers, steps = setting
    samples = len(poses)
    rows, rest = scratch[: ROWS * samples].reshape((ROWS, samples)), scratch[ROWS * samples :]
    largest = rest[SMALL:]
    matrix, moment = rest[:9].reshape((3, 3)), rest[16:32].reshape((4, 4))
    for obj in range(first, last):
        shares, local, changed = rows[0], rows[1:5], rows[5]
        frame, spread = out.frame[obj], out.spread[obj]
        _shares(log_weights, obj, carriers, largest, shares)
        _translation(poses, obj, shares, rows[1:4], matrix, out.loc[obj], out.factor[obj])
        _frame(poses[np.argmax(shares), obj], frame)
        for s in range(samples):
            v = local_vector(
                frame, poses[s, obj, 3], poses[s, obj, 4], poses[s, obj, 5], poses[s, obj, 6]
            )
            local[0, s], local[1, s], local[2, s], local[3, s] = v
        _second_moment(shares, local, moment)
        for _ in range(steps - 1):
            if not cholesky(moment, spread, 4):
                _guarded(moment, moment.dtype.type(1), spread, 4)
            _reweighted(shares, local, spread, changed)
            _second_moment(changed, local, moment)
        _guarded(moment, moment.dtype.type(1), spread, 4)


@inlined
def _frame(pose, out):
    """Write the quaternion of a pose and its tangent as columns; see `quaternion_frame`."""
    w, i, j, k = pose[3], pose[4], pose[5], pose[6]
    out[0, 0], out[0, 1], out[0, 2], out[0, 3] = w, i, j, k
    out[1, 0], out[1, 1], out[1, 2], out[1, 3] = i, -w, -k, j
    out[2, 0], out[2, 1], out[2, 2], out[2, 3] = j, k, -w, -i
    out[3, 0], out[3, 1], out[3, 2], out[3, 3] = k, -j, i, -w


@inlined
def _second_moment(shares, local, moment):
    for row in range(4):
        for column in range(row + 1):
            moment[row, column] = _moment(shares, local[row], local[column])


@inlined
def _reweighted(shares, local, factor, out):
    """Write shares divided by the squared length in units of a factor, of sum one."""
    total = shares.dtype.type(0)
    for s in range(len(shares)):
        squared = whitened_square(factor, local[0, s], local[1, s], local[2, s], local[3, s])
        out[s] = shares[s] / squared
        total += out[s]
    for s in range(len(shares)):
        out[s] /= total
