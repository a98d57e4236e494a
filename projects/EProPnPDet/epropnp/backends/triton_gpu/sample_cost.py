"""Cost of many poses per object, and its gradient by the points without a graph.

Both kernels evaluate tiles of poses times points. A program of `sample_values` owns some poses and
runs over the points; one of `point_gradients` owns some points and runs over the poses, so that no
two programs add to the same number.

With the weighted error e of a point and its length s, the Huber cost has the gradient
``min(1, delta / s) e``; clipped pixels and clamped depths pass nothing on.
"""

from typing import NamedTuple

import triton
import triton.language as tl
from torch import Tensor

from epropnp.backends.triton_gpu.projection import (
    clamp,
    dot,
    read_rows,
    read_view,
    rotation,
)
from epropnp.backends.triton_gpu.shares import added, huber, totals


class Tile(NamedTuple):
    """What is known when a kernel is compiled: degrees of freedom, poses and points of a tile."""

    dof: int
    poses: int
    points: int


class PointGrads(NamedTuple):
    """Gradients by points (B, 3, n), pixels and weights (B, 2, n), and delta (B, tiles)."""

    points: Tensor
    pixels: Tensor
    weights: Tensor
    delta: Tensor


@triton.jit(do_not_specialize=["num_samples"])
def sample_values(cost, views, poses, sizes, num_samples, out, TILE: tl.constexpr):
    """Costs (S, B) at poses (S, B, P); a program per object and tile of poses."""
    num_poses: tl.constexpr = TILE.poses
    num_points: tl.constexpr = TILE.points
    obj = tl.program_id(0).to(tl.int64)
    sample = tl.program_id(1) * num_poses + tl.arange(0, num_poses)
    place = sample.to(tl.int64) * sizes.objects + obj
    view = read_view(views, obj)
    pixel_of = pixel_map(poses, place[:, None], (sample < num_samples)[:, None], view, TILE.dof)
    total = tl.zeros([num_poses, num_points], cost.points.dtype.element_ty)
    for start in range(0, sizes.points, num_points):
        at = (start + tl.arange(0, num_points))[None, :]
        seen = read_seen(cost, obj, at, sizes.points)
        error, _, _, _ = errors(pixel_of, seen, view)
        value, _ = huber(dot_two(error, error), view.delta)
        total += tl.where(at < sizes.points, value, 0.0)
    tl.store(out + place, tl.sum(total, 1), mask=sample < num_samples)


@triton.jit(do_not_specialize=["num_samples"])
def point_gradients(cost, views, poses, seeds, sizes, num_samples, out, TILE: tl.constexpr):
    """`PointGrads` of ``sum(seeds * cost)`` at poses (S, B, P), seeds (S, B).

    A program per object and tile of points.
    """
    num_poses: tl.constexpr = TILE.poses
    num_points: tl.constexpr = TILE.points
    obj = tl.program_id(0).to(tl.int64)
    point = tl.program_id(1) * num_points + tl.arange(0, num_points)
    view, seen = read_view(views, obj), read_seen(cost, obj, point[None, :], sizes.points)
    sums = ()
    for _ in tl.static_range(8):
        sums = sums + (tl.zeros([num_poses, num_points], cost.points.dtype.element_ty),)
    for start in range(0, num_samples, num_poses):
        sample = (start + tl.arange(0, num_poses))[:, None]
        place = sample.to(tl.int64) * sizes.objects + obj
        pixel_of = pixel_map(poses, place, sample < num_samples, view, TILE.dof)
        seed = tl.load(seeds + place, mask=sample < num_samples, other=0.0)
        sums = added(sums, gradient_shares(pixel_of, seen, seed, view))
    write_point_grads(out, obj, point, sizes.points, totals(sums))


@triton.jit
def pixel_map(poses, place, known, view, DOF: tl.constexpr):
    """Map from object points to homogeneous pixels at some poses: (3, 4), row by row."""
    pose = ()
    for i in tl.static_range(4 if DOF == 4 else 7):
        pose = pose + (tl.load(poses + place * (4 if DOF == 4 else 7) + i, mask=known, other=0.0),)
    matrix = rotation(pose, view.tilt, DOF)
    numbers = ()
    for row in tl.static_range(3):
        k = view.intrinsics[3 * row : 3 * row + 3]
        for column in tl.static_range(3):
            numbers = numbers + (dot(k, matrix[column::3]),)
        numbers = numbers + (dot(k, pose),)
    return numbers


@triton.jit
def read_seen(cost, obj, at, num_points):
    """Points, pixels and weights of an object at some columns."""
    return (
        read_rows(cost.points, obj, at, num_points, 3),
        read_rows(cost.pixels, obj, at, num_points, 2),
        read_rows(cost.weights, obj, at, num_points, 2),
    )


@triton.jit
def write_point_grads(out, obj, at, size, grads):
    """Write the gradients of points at the columns ``at`` of an object, eight rows of them."""
    write_rows(out.points, obj, at, size, grads[0:3])
    write_rows(out.pixels, obj, at, size, grads[3:5])
    write_rows(out.weights, obj, at, size, grads[5:7])
    by_delta = tl.sum(tl.where(at < size, grads[7], 0.0), 0)
    tl.store(out.delta + obj * tl.num_programs(1) + tl.program_id(1), by_delta)


@triton.jit
def write_rows(pointer, item, at, size, rows):
    """Write rows of an item at the columns ``at``, up to the last one."""
    for i in tl.static_range(len(rows)):
        row = pointer + (item * len(rows) + i) * size
        tl.store(row + at, rows[i], mask=at < size)


@triton.jit
def dot_two(a, b):
    """Scalar product of two numbers each."""
    return a[0] * b[0] + a[1] * b[1]


@triton.jit
def errors(pixel_of, seen, view):
    """Weighted and plain errors (u, v), pixels before they are clipped, depth."""
    point, pixel, weight = seen
    x, y, z = point
    m, bounds = pixel_of, view.bounds
    depth = m[8] * x + m[9] * y + m[10] * z + m[11]
    inverse = 1.0 / tl.where(depth < view.z_min, view.z_min, depth)
    u = (m[0] * x + m[1] * y + m[2] * z + m[3]) * inverse
    v = (m[4] * x + m[5] * y + m[6] * z + m[7]) * inverse
    off_u = clamp(u, bounds[0], bounds[2]) - pixel[0]
    off_v = clamp(v, bounds[1], bounds[3]) - pixel[1]
    return (off_u * weight[0], off_v * weight[1]), (off_u, off_v), (u, v), (depth, inverse)


@triton.jit
def gradient_shares(pixel_of, seen, seed, view):
    """Gradients by x, y, z, pixels, weights and delta that poses give to points."""
    error, off, free, at = errors(pixel_of, seen, view)
    u, v = free
    depth, inverse = at
    m, bounds, weight = pixel_of, view.bounds, seen[2]
    _, size = huber(dot_two(error, error), view.delta)
    outlier = size > view.delta
    slope = seed * tl.where(outlier, view.delta / size, 1.0)
    by_delta = tl.where(outlier, seed * (size - view.delta), 0.0)
    slope_u, slope_v = slope * error[0], slope * error[1]
    pull_u, pull_v = slope_u * weight[0], slope_v * weight[1]
    by_u = tl.where((u >= bounds[0]) & (u <= bounds[2]), pull_u * inverse, 0.0)
    by_v = tl.where((v >= bounds[1]) & (v <= bounds[3]), pull_v * inverse, 0.0)
    by_depth = tl.where(depth >= view.z_min, -(by_u * u + by_v * v), 0.0)
    return (
        m[0] * by_u + m[4] * by_v + m[8] * by_depth,
        m[1] * by_u + m[5] * by_v + m[9] * by_depth,
        m[2] * by_u + m[6] * by_v + m[10] * by_depth,
        -pull_u,
        -pull_v,
        slope_u * off[0],
        slope_v * off[1],
        by_delta,
    )
