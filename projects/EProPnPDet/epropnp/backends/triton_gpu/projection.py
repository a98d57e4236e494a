"""What kernels share: pointers, the map of a pose, and comparisons as torch makes them.

The arithmetic is that of `YawPose`, `QuatPose`, `PerspectiveCamera` and `Huber`, with the same
order of comparisons, so that a number which is not finite takes the same way. Vectors and matrices
are tuples of numbers or of tiles, which the compiler keeps in registers; `DOF`, the degrees of
freedom, is known when a kernel is compiled, and so is every loop over them.
"""

from typing import NamedTuple

import triton
import triton.language as tl
from torch import Tensor

TINY_SQUARE = tl.constexpr(1e-30)  # floor of a squared error, as in `Huber`


class Points(NamedTuple):
    """Correspondences, contiguous; N is B or, for subsets of the points, a multiple of it.

    Attributes:
        points: (N, 3, n) object frame.
        pixels: (N, 2, n).
        weights: (N, 2, n).
    """

    points: Tensor
    pixels: Tensor
    weights: Tensor


class View(NamedTuple):
    """How the camera sees an object.

    Attributes:
        intrinsics: nine numbers, row by row.
        bounds: lowest u, v, highest u, v.
        delta: Huber threshold.
        tilt: rotation from the gravity-aligned to the camera frame, nine numbers.
        z_min: depth at which nearer points are projected.
    """

    intrinsics: tuple
    bounds: tuple
    delta: Tensor
    tilt: tuple
    z_min: Tensor


@triton.jit
def read(pointer, COUNT: tl.constexpr):
    """Consecutive numbers."""
    numbers = ()
    for i in tl.static_range(COUNT):
        numbers = numbers + (tl.load(pointer + i),)
    return numbers


@triton.jit
def write(pointer, numbers):
    """Write consecutive numbers."""
    for i in tl.static_range(len(numbers)):
        tl.store(pointer + i, numbers[i])


@triton.jit
def read_view(views, obj):
    """View of an object from views (B, 24), whose rows are the fields of `View`."""
    pointer = views + obj * 24
    return View(
        read(pointer, 9),
        read(pointer + 9, 4),
        tl.load(pointer + 13),
        read(pointer + 14, 9),
        tl.load(pointer + 23),
    )


@triton.jit
def read_rows(pointer, item, at, size, COUNT: tl.constexpr):
    """Rows of an item (COUNT, size) at the columns ``at``; zeros beyond the last one."""
    rows = ()
    for i in tl.static_range(COUNT):
        row = pointer + (item * COUNT + i) * size
        rows = rows + (tl.load(row + at, mask=at < size, other=0.0),)
    return rows


@triton.jit
def clamp(value, lowest, highest):
    """Like `torch.clamp`: what is not a number stays."""
    value = tl.where(value < lowest, lowest, value)
    return tl.where(value > highest, highest, value)


@triton.jit
def dot(a, b):
    """Scalar product of the first three numbers."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@triton.jit
def cross(a, b):
    """Cross product."""
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


@triton.jit
def turn(matrix, vector):
    """Matrix of nine numbers times a vector."""
    return (
        matrix[0] * vector[0] + matrix[1] * vector[1] + matrix[2] * vector[2],
        matrix[3] * vector[0] + matrix[4] * vector[1] + matrix[5] * vector[2],
        matrix[6] * vector[0] + matrix[7] * vector[1] + matrix[8] * vector[2],
    )


@triton.jit
def rotation(pose, tilt, DOF: tl.constexpr):
    """Nine numbers of the rotation matrix of a pose."""
    if DOF == 4:
        c, s = tl.cos(pose[3]), tl.sin(pose[3])
        matrix = (
            tilt[0] * c - tilt[2] * s, tilt[1], tilt[0] * s + tilt[2] * c,
            tilt[3] * c - tilt[5] * s, tilt[4], tilt[3] * s + tilt[5] * c,
            tilt[6] * c - tilt[8] * s, tilt[7], tilt[6] * s + tilt[8] * c,
        )  # fmt: skip
    else:
        w, i, j, k = pose[3], pose[4], pose[5], pose[6]
        ti, tj, tk = i + i, j + j, k + k
        matrix = (
            1.0 - tj * j - tk * k, ti * j - tk * w, ti * k + tj * w,
            ti * j + tk * w, 1.0 - ti * i - tk * k, tj * k - ti * w,
            ti * k - tj * w, tj * k + ti * w, 1.0 - ti * i - tj * j,
        )  # fmt: skip
    return matrix
