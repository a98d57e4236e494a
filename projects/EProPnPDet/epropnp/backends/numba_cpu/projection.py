"""What kernels share: the arrays of a cost, the map of a pose, and comparisons as torch makes them.

The arithmetic is that of `YawPose`, `QuatPose`, `PerspectiveCamera` and `Huber`, with the same
order of comparisons, so that a number which is not finite takes the same way.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from epropnp.backends.numba_cpu.compiled import inlined
from epropnp.backends.numba_cpu.elementary import direction


class CostArrays(NamedTuple):
    """A reprojection cost as arrays; N is B or, for subsets of the points, a multiple of it.

    Attributes:
        points: (N, 3, n) object frame.
        pixels: (N, 2, n).
        weights: (N, 2, n).
        intrinsics: (B, 3, 3).
        bounds: (B, 4) lowest u, v and highest u, v; infinite where there are none.
        delta: (B,) Huber thresholds.
        tilt: (B, 3, 3) rotation from the gravity-aligned to the camera frame.
        z_min: depth at which nearer points are projected, of the dtype of the arrays.
        clip_jacobian: a clipped coordinate has a zero derivative.
    """

    points: NDArray
    pixels: NDArray
    weights: NDArray
    intrinsics: NDArray
    bounds: NDArray
    delta: NDArray
    tilt: NDArray
    z_min: np.floating
    clip_jacobian: bool


@inlined
def point_rows(cost, obj, start, stop):
    """The seven numbers of points as contiguous rows: x, y, z, u, v and the weights of u, v."""
    points, pixels, weights = cost.points, cost.pixels, cost.weights
    return (
        points[obj, 0, start:stop],
        points[obj, 1, start:stop],
        points[obj, 2, start:stop],
        pixels[obj, 0, start:stop],
        pixels[obj, 1, start:stop],
        weights[obj, 0, start:stop],
        weights[obj, 1, start:stop],
    )


@inlined
def load_poses(poses, start, count, obj, rows):
    """Write so many poses of an object, of (S, B, P) from one on, as rows (P, count or more)."""
    for s in range(count):
        for number in range(poses.shape[2]):
            rows[number, s] = poses[start + s, obj, number]


@inlined
def store_poses(rows, obj, poses):
    """Write rows (P, S) as the poses (S, B, P) of an object."""
    for s in range(poses.shape[0]):
        for number in range(poses.shape[2]):
            poses[s, obj, number] = rows[number, s]


@inlined
def clamp(value, lowest, highest):
    """Like `torch.clamp`: what is not a number stays."""
    value = lowest if value < lowest else value
    return highest if value > highest else value


@inlined
def yaw_turn(cos, sin, tilt):
    """Nine numbers of the rotation matrix of a heading; those of the tilt are given."""
    return (
        tilt[0] * cos - tilt[2] * sin, tilt[1], tilt[0] * sin + tilt[2] * cos,
        tilt[3] * cos - tilt[5] * sin, tilt[4], tilt[3] * sin + tilt[5] * cos,
        tilt[6] * cos - tilt[8] * sin, tilt[7], tilt[6] * sin + tilt[8] * cos,
    )  # fmt: skip


@inlined
def quaternion_turn(w, i, j, k, dtype):
    """Nine numbers of the rotation matrix of a quaternion."""
    one = dtype(1)
    ti, tj, tk = i + i, j + j, k + k
    return (
        one - tj * j - tk * k, ti * j - tk * w, ti * k + tj * w,
        ti * j + tk * w, one - ti * i - tk * k, tj * k - ti * w,
        ti * k - tj * w, tj * k + ti * w, one - ti * i - tj * j,
    )  # fmt: skip


@inlined
def flat(matrix):
    """The nine numbers of a matrix (3, 3)."""
    return (
        matrix[0, 0], matrix[0, 1], matrix[0, 2],
        matrix[1, 0], matrix[1, 1], matrix[1, 2],
        matrix[2, 0], matrix[2, 1], matrix[2, 2],
    )  # fmt: skip


@inlined
def rotate(pose, tilt, out):
    """Write the rotation matrix (3, 3) of a pose (4,) or (7,)."""
    if len(pose) == 4:
        turn = yaw_turn(np.cos(pose[3]), np.sin(pose[3]), flat(tilt))
    else:
        turn = quaternion_turn(pose[3], pose[4], pose[5], pose[6], pose.dtype.type)
    for row in range(3):
        for column in range(3):
            out[row, column] = turn[3 * row + column]


@inlined
def pixel_map(pose, intrinsics, tilt, turn, out):
    """Write the map (3, 4) from object points to homogeneous pixels; ``turn`` is scratch (3, 3)."""
    rotate(pose, tilt, turn)
    for row in range(3):
        a, b, c = intrinsics[row, 0], intrinsics[row, 1], intrinsics[row, 2]
        for column in range(3):
            out[row, column] = a * turn[0, column] + b * turn[1, column] + c * turn[2, column]
        out[row, 3] = a * pose[0] + b * pose[1] + c * pose[2]


@inlined
def pixel_maps(poses, begin, intrinsics, tilt, out):
    """Write the maps (12, n) of n poses of (P, S), from one on; see `pixel_map`."""
    count = out.shape[1]
    end = begin + count
    x, y, z = poses[0, begin:end], poses[1, begin:end], poses[2, begin:end]
    for row in range(3):
        a, b, c = intrinsics[row, 0], intrinsics[row, 1], intrinsics[row, 2]
        shift = out[4 * row + 3]
        for s in range(count):
            shift[s] = a * x[s] + b * y[s] + c * z[s]
    if len(poses) == 4:
        _yaw_maps(poses[3, begin:end], intrinsics, tilt, out)
    else:
        w, i, j, k = (
            poses[3, begin:end],
            poses[4, begin:end],
            poses[5, begin:end],
            poses[6, begin:end],
        )
        _quaternion_maps(w, i, j, k, intrinsics, out)


@inlined
def _yaw_maps(yaw, intrinsics, tilt, out):
    dtype = yaw.dtype.type
    cosine, sine = out[0], out[2]  # of the first row, which is written last
    for s in range(len(yaw)):
        both = direction(yaw[s])
        sine[s], cosine[s] = dtype(both[0]), dtype(both[1])
    for row in range(2, -1, -1):
        a, b, c = intrinsics[row, 0], intrinsics[row, 1], intrinsics[row, 2]
        first = a * tilt[0, 0] + b * tilt[1, 0] + c * tilt[2, 0]
        level = a * tilt[0, 1] + b * tilt[1, 1] + c * tilt[2, 1]
        last = a * tilt[0, 2] + b * tilt[1, 2] + c * tilt[2, 2]
        by_x, by_y, by_z = out[4 * row], out[4 * row + 1], out[4 * row + 2]
        for s in range(len(yaw)):
            cos, sin = cosine[s], sine[s]
            by_x[s] = first * cos - last * sin
            by_y[s] = level
            by_z[s] = first * sin + last * cos


@inlined
def _quaternion_maps(w, i, j, k, intrinsics, out):
    dtype = w.dtype.type
    for row in range(3):
        a, b, c = intrinsics[row, 0], intrinsics[row, 1], intrinsics[row, 2]
        by_x, by_y, by_z = out[4 * row], out[4 * row + 1], out[4 * row + 2]
        for s in range(len(w)):
            turn = quaternion_turn(w[s], i[s], j[s], k[s], dtype)
            by_x[s] = a * turn[0] + b * turn[3] + c * turn[6]
            by_y[s] = a * turn[1] + b * turn[4] + c * turn[7]
            by_z[s] = a * turn[2] + b * turn[5] + c * turn[8]
