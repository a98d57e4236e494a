"""Gradient of weighted sample costs by everything a reprojection cost depends on, without a graph.

`point_gradients` runs along the poses, since a point needs sums over them; `camera_gradients`, for
the few who learn intrinsics, gravity or bounds, runs along the points.

With the weighted error e of a point and its length s, the Huber cost has the gradient
``min(1, delta / s) e``; clipped pixels and clamped depths pass nothing on.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from epropnp.backends.numba_cpu.compiled import inlined, kernel
from epropnp.backends.numba_cpu.projection import (
    clamp,
    load_poses,
    pixel_map,
    pixel_maps,
    point_rows,
    rotate,
)
from epropnp.backends.numba_cpu.sample_cost import BLOCK_POINTS, TINY_SQUARE

BLOCK_POSES = 512  # poses whose maps stay in the first level cache
POINT_SCRATCH = (12 + 1 + 7) * BLOCK_POSES  # more than few poses and the rows of points need
CAMERA_SCRATCH = 39
FEW_POSES = 8  # fewer are taken one by one, along the points
BLOCK_ROWS = 256  # points of these at a time


class PointGrads(NamedTuple):
    """Gradients by points (B, 3, n), pixels and weights (B, 2, n), and delta (B,)."""

    points: NDArray
    pixels: NDArray
    weights: NDArray
    delta: NDArray


class CameraGrads(NamedTuple):
    """Gradients by intrinsics and tilt (B, 3, 3), and bounds (B, 4)."""

    intrinsics: NDArray
    tilt: NDArray
    bounds: NDArray


@kernel
def point_gradients(first, last, scratch, cost, poses, seeds, grads):
    """Gradients of ``sum(seeds * cost)`` at poses (S, B, P), seeds (S, B), added to `PointGrads`.

    Scratch `POINT_SCRATCH`.
    """
    samples = poses.shape[0]
    seed = scratch[:BLOCK_POSES]
    local = scratch[BLOCK_POSES : 8 * BLOCK_POSES].reshape((7, BLOCK_POSES))[: poses.shape[2]]
    for obj in range(first, last):
        for start in range(0, samples, BLOCK_POSES):
            count = min(BLOCK_POSES, samples - start)
            maps = scratch[8 * BLOCK_POSES : 8 * BLOCK_POSES + 12 * count].reshape((12, count))
            load_poses(poses, start, count, obj, local)
            for s in range(count):
                seed[s] = seeds[start + s, obj]
            pixel_maps(local, 0, cost.intrinsics[obj], cost.tilt[obj], maps)
            if count < FEW_POSES:
                rest = scratch[8 * BLOCK_POSES + 12 * count :]
                _point_by_point(cost, obj, maps, seed, rest, grads)
            else:
                _sums_over_poses(cost, obj, maps, seed, grads)


@inlined
def _sums_over_poses(cost, obj, maps, seed, grads):
    """Add the gradients of an object at poses of maps (12, n), along the poses."""
    by_points, by_pixels, by_weights, by_delta = grads
    for p in range(cost.points.shape[2]):
        point = (
            cost.points[obj, 0, p],
            cost.points[obj, 1, p],
            cost.points[obj, 2, p],
            cost.pixels[obj, 0, p],
            cost.pixels[obj, 1, p],
            cost.weights[obj, 0, p],
            cost.weights[obj, 1, p],
        )
        total = _point_sums(point, maps, seed, cost.bounds[obj], cost.delta[obj], cost.z_min)
        by_points[obj, 0, p] += total[0]
        by_points[obj, 1, p] += total[1]
        by_points[obj, 2, p] += total[2]
        by_pixels[obj, 0, p] -= total[3] * point[5]
        by_pixels[obj, 1, p] -= total[4] * point[6]
        by_weights[obj, 0, p] += total[5]
        by_weights[obj, 1, p] += total[6]
        by_delta[obj] += total[7]


@inlined
def _point_by_point(cost, obj, maps, seed, scratch, grads):
    """Add the same along the points, for poses that do not fill a vector register."""
    by_points, by_pixels, by_weights, by_delta = grads
    bounds, delta, points = cost.bounds[obj], cost.delta[obj], cost.points.shape[2]
    zero = maps.dtype.type(0)
    for start in range(0, points, BLOCK_ROWS):
        rows = point_rows(cost, obj, start, min(start + BLOCK_ROWS, points))
        x, y, z, u, v, weight_u, weight_v = rows
        out = scratch[: 7 * BLOCK_ROWS].reshape((7, BLOCK_ROWS))
        for s in range(maps.shape[1]):
            total = zero
            m = (
                maps[0, s], maps[1, s], maps[2, s], maps[3, s],
                maps[4, s], maps[5, s], maps[6, s], maps[7, s],
                maps[8, s], maps[9, s], maps[10, s], maps[11, s], seed[s],
            )  # fmt: skip
            for p in range(len(x)):
                point = (x[p], y[p], z[p], u[p], v[p], weight_u[p], weight_v[p])
                found = _gradient(point, m, bounds, delta, cost.z_min)
                out[0, p], out[1, p], out[2, p] = found[0], found[1], found[2]
                out[3, p], out[4, p] = found[3] * weight_u[p], found[4] * weight_v[p]
                out[5, p], out[6, p] = found[5], found[6]
                total += found[7]
            by_delta[obj] += total
            for p in range(len(x)):
                by_points[obj, 0, start + p] += out[0, p]
                by_points[obj, 1, start + p] += out[1, p]
                by_points[obj, 2, start + p] += out[2, p]
                by_pixels[obj, 0, start + p] -= out[3, p]
                by_pixels[obj, 1, start + p] -= out[4, p]
                by_weights[obj, 0, start + p] += out[5, p]
                by_weights[obj, 1, start + p] += out[6, p]


@inlined
def _point_sums(point, maps, seed, bounds, delta, z_min):
    """Sums over poses of `_gradient`."""
    zero = maps.dtype.type(0)
    a, b, c, d = maps[0], maps[1], maps[2], maps[3]
    e, f, g, h = maps[4], maps[5], maps[6], maps[7]
    i, j, k, o = maps[8], maps[9], maps[10], maps[11]
    by_x, by_y, by_z, by_delta = zero, zero, zero, zero
    by_error_u, by_error_v, by_weight_u, by_weight_v = zero, zero, zero, zero
    for s in range(len(a)):
        m = (
            a[s], b[s], c[s], d[s], e[s], f[s], g[s], h[s], i[s], j[s], k[s], o[s], seed[s],
        )  # fmt: skip
        found = _gradient(point, m, bounds, delta, z_min)
        by_x, by_y, by_z = by_x + found[0], by_y + found[1], by_z + found[2]
        by_error_u, by_error_v = by_error_u + found[3], by_error_v + found[4]
        by_weight_u, by_weight_v = by_weight_u + found[5], by_weight_v + found[6]
        by_delta += found[7]
    return by_x, by_y, by_z, by_error_u, by_error_v, by_weight_u, by_weight_v, by_delta


@inlined
def _gradient(point, m, bounds, delta, z_min):
    """Gradients by x, y, z, by weighted errors, by weights, and by delta; seed last in the map."""
    x, y, z, u_seen, v_seen, weight_u, weight_v = point
    dtype = type(x)
    zero, one, tiny = dtype(0), dtype(1), dtype(TINY_SQUARE)
    a, b, c, d, e, f, g, h, i, j, k, o, seed = m
    left, top, right, bottom = bounds[0], bounds[1], bounds[2], bounds[3]
    depth = i * x + j * y + k * z + o
    inverse = one / (z_min if depth < z_min else depth)
    u_free = (a * x + b * y + c * z + d) * inverse
    v_free = (e * x + f * y + g * z + h) * inverse
    off_u, off_v = clamp(u_free, left, right) - u_seen, clamp(v_free, top, bottom) - v_seen
    error_u, error_v = off_u * weight_u, off_v * weight_v
    squared = error_u * error_u + error_v * error_v
    error = np.sqrt(tiny if squared < tiny else squared)
    outlier = error > delta
    slope = seed * (delta / error if outlier else one)
    slope_u, slope_v = slope * error_u, slope * error_v
    by_u = slope_u * weight_u * inverse if (u_free >= left) & (u_free <= right) else zero
    by_v = slope_v * weight_v * inverse if (v_free >= top) & (v_free <= bottom) else zero
    by_depth = -(by_u * u_free + by_v * v_free) if depth >= z_min else zero
    return (
        a * by_u + e * by_v + i * by_depth,
        b * by_u + f * by_v + j * by_depth,
        c * by_u + g * by_v + k * by_depth,
        slope_u,
        slope_v,
        slope_u * off_u,
        slope_v * off_v,
        seed * (error - delta) if outlier else zero,
    )


@kernel
def camera_gradients(first, last, scratch, cost, poses, seeds, grads):
    """Likewise by intrinsics, tilt and bounds, added to `CameraGrads`; scratch 39."""
    by_intrinsics, by_tilt, by_bounds = grads
    samples, points = poses.shape[0], cost.points.shape[2]
    turn, one_map = scratch[:9].reshape((3, 3)), scratch[9:21].reshape((3, 4))
    level, upright = scratch[21:30].reshape((3, 3)), scratch[30:39].reshape((3, 3))
    for row in range(3):
        for column in range(3):
            upright[row, column] = row == column
    for obj in range(first, last):
        matrix = cost.intrinsics[obj]
        for s in range(samples):
            pose = poses[s, obj]
            pixel_map(pose, matrix, cost.tilt[obj], turn, one_map)
            rotate(pose, upright, level)
            for start in range(0, points, BLOCK_POINTS):
                rows = point_rows(cost, obj, start, min(start + BLOCK_POINTS, points))
                moment, clipped = _moments(
                    one_map, rows, cost.bounds[obj], cost.delta[obj], cost.z_min
                )
                for row in range(4):
                    by_bounds[obj, row] += seeds[s, obj] * clipped[row]
                for row in range(3):
                    mx, my, mz, mt = moment[row]
                    for column in range(3):
                        by_intrinsics[obj, row, column] += seeds[s, obj] * (
                            mx * turn[column, 0]
                            + my * turn[column, 1]
                            + mz * turn[column, 2]
                            + mt * pose[column]
                        )
                        straight = (
                            mx * level[column, 0] + my * level[column, 1] + mz * level[column, 2]
                        )
                        for axis in range(3):
                            by_tilt[obj, axis, column] += (
                                seeds[s, obj] * matrix[row, axis] * straight
                            )


@inlined
def _moments(m, rows, bounds, delta, z_min):
    """Gradient by the map, (3, 4) as tuples, and by the bounds, for points under one map."""
    dtype = m.dtype
    zero, one, tiny = dtype.type(0), dtype.type(1), dtype.type(TINY_SQUARE)
    left, top, right, bottom = bounds[0], bounds[1], bounds[2], bounds[3]
    x_row, y_row, z_row, u_row, v_row, wu_row, wv_row = rows
    ux, uy, uz, ut, vx, vy, vz, vt = zero, zero, zero, zero, zero, zero, zero, zero
    dx, dy, dz, dt = zero, zero, zero, zero
    at_left, at_top, at_right, at_bottom = zero, zero, zero, zero
    for p in range(len(x_row)):
        x, y, z = x_row[p], y_row[p], z_row[p]
        depth = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3]
        inverse = one / (z_min if depth < z_min else depth)
        u = (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]) * inverse
        v = (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]) * inverse
        error_u = (clamp(u, left, right) - u_row[p]) * wu_row[p]
        error_v = (clamp(v, top, bottom) - v_row[p]) * wv_row[p]
        squared = error_u * error_u + error_v * error_v
        error = np.sqrt(tiny if squared < tiny else squared)
        slope = delta / error if error > delta else one
        by_u, by_v = slope * error_u * wu_row[p], slope * error_v * wv_row[p]
        at_left += by_u if u < left else zero
        at_top += by_v if v < top else zero
        at_right += by_u if u > right else zero
        at_bottom += by_v if v > bottom else zero
        by_u = by_u * inverse if (u >= left) & (u <= right) else zero
        by_v = by_v * inverse if (v >= top) & (v <= bottom) else zero
        by_depth = -(by_u * u + by_v * v) if depth >= z_min else zero
        ux, uy, uz, ut = ux + by_u * x, uy + by_u * y, uz + by_u * z, ut + by_u
        vx, vy, vz, vt = vx + by_v * x, vy + by_v * y, vz + by_v * z, vt + by_v
        dx, dy, dz, dt = dx + by_depth * x, dy + by_depth * y, dz + by_depth * z, dt + by_depth
    moment = ((ux, uy, uz, ut), (vx, vy, vz, vt), (dx, dy, dz, dt))
    return moment, (at_left, at_top, at_right, at_bottom)
