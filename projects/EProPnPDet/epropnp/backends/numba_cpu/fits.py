"""Proposals fitted to weighted samples, by the rule `ScaledFit`; see `epropnp.proposals`."""

import numpy as np

from epropnp.backends.numba_cpu.compiled import inlined, kernel
from epropnp.backends.numba_cpu.density import local_vector, whitened_square
from epropnp.backends.numba_cpu.elementary import direction, exponential, sine_of_half
from epropnp.backends.numba_cpu.projection import load_poses
from epropnp.backends.numba_cpu.states import quaternion_of, translation_of
from epropnp.backends.numba_cpu.triangular import cholesky
from epropnp.fitting import ROUNDING_MARGIN
from epropnp.proposals import KAPPA_SHARE

WORK = 6  # of scratch memory, numbers per sample: shares, then centred pose or local quaternion
SMALL = 32  # numbers of scratch memory besides: matrices


def scratch_size(samples: int, carriers: int) -> int:
    """Numbers of scratch memory to fit so many samples."""
    return WORK * samples + carriers + SMALL


@inlined
def _shares(log_weights, carriers, largest, out):
    """Write the softmax (S,) of log weights, the largest lowered to the carriers-th largest.

    See `epropnp.fitting.normalized_weights` and `clip_log_weights`.
    """
    dtype = out.dtype.type
    top, total = _ceiling(log_weights, carriers, largest), dtype(0)
    none, samples = top == dtype(-np.inf), len(out)  # if none has a weight, all count the same
    for s in range(samples):
        value = log_weights[s]
        share = dtype(exponential(min(value, top) - top)) if np.isfinite(value) else dtype(0)
        out[s] = dtype(1) if none else share
        total += out[s]
    for s in range(samples):
        out[s] /= total


@inlined
def _ceiling(log_weights, carriers, largest):
    """The ``carriers``-th largest finite log weight, or the lowest if there are fewer."""
    count = 0
    for s in range(len(log_weights)):
        value = log_weights[s]
        if not np.isfinite(value) or (count == carriers and not value > largest[count - 1]):
            continue
        at = count if count < carriers else carriers - 1
        while at > 0 and largest[at - 1] < value:
            largest[at] = largest[at - 1]
            at -= 1
        largest[at] = value
        count = min(count + 1, carriers)
    return largest[count - 1] if count > 0 else largest.dtype.type(-np.inf)


@inlined
def _translation(poses, shares, centred, matrix, row):
    """Write mean and guarded factor of translations; rows (3, n) and a matrix are scratch."""
    loc, factor = translation_of(row)
    zero = loc.dtype.type(0)
    magnitude = zero
    for axis in range(3):
        values, rest = poses[axis, : len(shares)], centred[axis]
        total = zero
        for s in range(len(shares)):
            total += shares[s] * values[s]
        for s in range(len(shares)):
            rest[s] = values[s] - total
        loc[axis] = total
        magnitude = max(magnitude, abs(total))
        for other in range(axis + 1):
            matrix[axis, other] = _moment(shares, rest, centred[other])
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


@inlined
def fit_yaw(poses, log_weights, plan, scratch, row):
    """Write the proposal for the first of poses (4, S), by log weights (n,).

    The plan are carriers and steps; scratch `scratch_size`.
    """
    dtype = poses.dtype.type
    one, two, samples = dtype(1), dtype(2), len(log_weights)
    work, rest = scratch[: WORK * samples].reshape((WORK, samples)), scratch[WORK * samples :]
    matrix, shares, angles = rest[:9].reshape((3, 3)), work[0], poses[3, :samples]
    _shares(log_weights, plan[0], rest[SMALL:], shares)
    _translation(poses, shares, work[1:4], matrix, row)
    sines, cosines, spread = 0.0, 0.0, 0.0
    for s in range(samples):
        sine, cosine = direction(angles[s])
        sines += shares[s] * sine
        cosines += shares[s] * cosine
    yaw = dtype(np.arctan2(sines, cosines))
    for s in range(samples):
        sine = sine_of_half(angles[s] - yaw)
        spread += shares[s] * (2.0 * sine * sine)
    circular = dtype(spread)
    resultant = one - circular
    variance, least = circular * (one + resultant), _rounding_variance(abs(yaw) + one, dtype)
    variance = least if variance < least else variance
    length = dtype(1e-5) if resultant < dtype(1e-5) else resultant
    row[12] = yaw
    row[13] = dtype(KAPPA_SHARE) * (length * (two - resultant * resultant) / variance)


@inlined
def fit_quaternion(poses, log_weights, plan, scratch, row):
    """Write the proposal for the first of poses (7, S), like `fit_yaw`."""
    samples, (carriers, steps) = len(log_weights), plan
    work, rest = scratch[: WORK * samples].reshape((WORK, samples)), scratch[WORK * samples :]
    matrix, moment = rest[:9].reshape((3, 3)), rest[16:32].reshape((4, 4))
    shares, local, changed = work[0], work[1:5], work[5]
    frame, spread = quaternion_of(row)
    one = moment.dtype.type(1)
    _shares(log_weights, carriers, rest[SMALL:], shares)
    _translation(poses, shares, work[1:4], matrix, row)
    _frame(poses[:, np.argmax(shares)], frame)
    for s in range(samples):
        v = local_vector(frame, poses[3, s], poses[4, s], poses[5, s], poses[6, s])
        local[0, s], local[1, s], local[2, s], local[3, s] = v
    _second_moment(shares, local, moment)
    for _ in range(steps - 1):
        if not cholesky(moment, spread, 4):
            _guarded(moment, one, spread, 4)
        _reweighted(shares, local, spread, changed)
        _second_moment(changed, local, moment)
    _guarded(moment, one, spread, 4)


def _fits(fit):
    @kernel
    def fits(first, last, scratch, poses, log_weights, plan, rows):
        """Fit rows (B, N) to poses (S, B, P); scratch `scratch_size` and P + 1 per sample."""
        samples, size = len(poses), poses.shape[2]
        local = scratch[: size * samples].reshape((size, samples))
        weights = scratch[size * samples : (size + 1) * samples]
        for obj in range(first, last):
            load_poses(poses, 0, samples, obj, local)
            for s in range(samples):
                weights[s] = log_weights[s, obj]
            fit(local, weights, plan, scratch[(size + 1) * samples :], rows[obj])

    return fits


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


FITS = {4: _fits(fit_yaw), 7: _fits(fit_quaternion)}
