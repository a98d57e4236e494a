"""Weights of samples and their moments, to which the next proposals are fitted."""

import numpy as np

from epropnp.backends.numba_cpu.compiled import inlined, kernel
from epropnp.backends.numba_cpu.density import local_vector, whitened_square


@kernel
def weights(first, last, scratch, log_weights, carriers, out):
    """Softmax (S, B) of log weights, the largest lowered to the ``carriers``-th largest if any.

    See `epropnp.fitting.normalized_weights` and `clip_log_weights`; scratch ``carriers``.
    """
    dtype = out.dtype
    zero, one, nothing = dtype.type(0), dtype.type(1), dtype.type(-np.inf)
    samples = out.shape[0]
    for obj in range(first, last):
        top = _ceiling(log_weights, obj, carriers, scratch)
        total = zero
        for s in range(samples):
            value = log_weights[s, obj]
            if top == nothing:  # no sample has a weight: all count the same
                share = one
            elif np.isfinite(value):
                share = np.exp(min(value, top) - top)
            else:
                share = zero
            out[s, obj] = share
            total += share
        for s in range(samples):
            out[s, obj] /= total


@inlined
def _ceiling(log_weights, obj, carriers, largest):
    """The ``carriers``-th largest finite log weight, or the lowest if there are fewer."""
    wanted = max(carriers, 1)
    count = 0
    for s in range(log_weights.shape[0]):
        value = log_weights[s, obj]
        if not np.isfinite(value) or (count == wanted and not value > largest[count - 1]):
            continue
        at = count if count < wanted else wanted - 1
        while at > 0 and largest[at - 1] < value:
            largest[at] = largest[at - 1]
            at -= 1
        largest[at] = value
        count = min(count + 1, wanted)
    return largest[count - 1] if count > 0 else log_weights.dtype.type(-np.inf)


@kernel
def translation_moments(first, last, scratch, poses, shares, mean, covariance):
    """Mean (B, 3) and covariance (B, 3, 3) of translations under weights (S, B) of sum one."""
    zero = mean.dtype.type(0)
    samples = poses.shape[0]
    for obj in range(first, last):
        mx, my, mz = zero, zero, zero
        for s in range(samples):
            share = shares[s, obj]
            mx += share * poses[s, obj, 0]
            my += share * poses[s, obj, 1]
            mz += share * poses[s, obj, 2]
        xx, xy, xz, yy, yz, zz = zero, zero, zero, zero, zero, zero
        for s in range(samples):
            share = shares[s, obj]
            x, y, z = poses[s, obj, 0] - mx, poses[s, obj, 1] - my, poses[s, obj, 2] - mz
            xx, xy, xz = xx + share * x * x, xy + share * x * y, xz + share * x * z
            yy, yz, zz = yy + share * y * y, yz + share * y * z, zz + share * z * z
        mean[obj, 0], mean[obj, 1], mean[obj, 2] = mx, my, mz
        covariance[obj, 0, 0], covariance[obj, 1, 1], covariance[obj, 2, 2] = xx, yy, zz
        covariance[obj, 0, 1], covariance[obj, 1, 0] = xy, xy
        covariance[obj, 0, 2], covariance[obj, 2, 0] = xz, xz
        covariance[obj, 1, 2], covariance[obj, 2, 1] = yz, yz


@kernel
def heading_moments(first, last, scratch, poses, shares, mean, variance):
    """Mean direction (B,) and circular variance (B,) of yaw; see `circular_moments`."""
    zero, half, two = mean.dtype.type(0), mean.dtype.type(0.5), mean.dtype.type(2)
    for obj in range(first, last):
        sines, cosines, spread = zero, zero, zero
        for s in range(poses.shape[0]):
            sines += shares[s, obj] * np.sin(poses[s, obj, 3])
            cosines += shares[s, obj] * np.cos(poses[s, obj, 3])
        mean[obj] = np.arctan2(sines, cosines)
        for s in range(poses.shape[0]):
            sine = np.sin(half * (poses[s, obj, 3] - mean[obj]))
            spread += shares[s, obj] * two * sine * sine
        variance[obj] = spread


@kernel
def quaternion_moments(first, last, scratch, poses, shares, frame, factor, out):
    """Second moments (B, 4, 4) of quaternions in the axes of frames (1, B, 4, 4).

    Weights are divided by the squared length of the quaternion in units of a factor (1, B, 4, 4)
    and brought to sum one; an empty factor leaves them.
    """
    zero = out.dtype.type(0)
    for obj in range(first, last):
        for row in range(4):
            for column in range(4):
                out[obj, row, column] = zero
        total = zero
        for s in range(poses.shape[0]):
            share = shares[s, obj]
            v = local_vector(
                frame,
                0,
                obj,
                poses[s, obj, 3],
                poses[s, obj, 4],
                poses[s, obj, 5],
                poses[s, obj, 6],
            )
            if factor.shape[0] > 0:
                share = share / whitened_square(factor, 0, obj, v[0], v[1], v[2], v[3])
            total += share
            for row in range(4):
                for column in range(row + 1):
                    out[obj, row, column] += share * v[row] * v[column]
        for row in range(4):
            for column in range(row + 1):
                value = out[obj, row, column]
                value = value / total if factor.shape[0] > 0 else value
                out[obj, row, column] = value
                out[obj, column, row] = value
