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
from epropnp.backends.numba_cpu.projection import clamp, pixel_map, point_rows, rotate
from epropnp.backends.numba_cpu.sample_cost import BLOCK_POINTS, TINY_SQUARE

BLOCK_POSES = 512  # poses whose maps stay in the first level cache
POINT_SCRATCH = 21 + 13 * BLOCK_POSES
CAMERA_SCRATCH = 39


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

    Scratch 21 + 13 `BLOCK_POSES`.
    """
    by_points, by_pixels, by_weights, by_delta = grads
    samples, points = poses.shape[0], cost.points.shape[2]
    turn, one_map = scratch[:9].reshape((3, 3)), scratch[9:21].reshape((3, 4))
    maps = scratch[21 : 21 + 12 * BLOCK_POSES].reshape((12, BLOCK_POSES))
    seed = scratch[21 + 12 * BLOCK_POSES :]
    for obj in range(first, last):
        for start in range(0, samples, BLOCK_POSES):
            count = min(BLOCK_POSES, samples - start)
            for s in range(count):
                pixel_map(
                    poses[start + s, obj], cost.intrinsics[obj], cost.tilt[obj], turn, one_map
                )
                for row in range(3):
                    for column in range(4):
                        maps[4 * row + column, s] = one_map[row, column]
                seed[s] = seeds[start + s, obj]
            for p in range(points):
                point = (
                    cost.points[obj, 0, p],
                    cost.points[obj, 1, p],
                    cost.points[obj, 2, p],
                    cost.pixels[obj, 0, p],
                    cost.pixels[obj, 1, p],
                    cost.weights[obj, 0, p],
                    cost.weights[obj, 1, p],
                )
                total = _point_sums(
                    point, maps, seed, count, cost.bounds[obj], cost.delta[obj], cost.z_min
                )
                by_points[obj, 0, p] += total[0]
                by_points[obj, 1, p] += total[1]
                by_points[obj, 2, p] += total[2]
                by_pixels[obj, 0, p] -= total[3] * point[5]
                by_pixels[obj, 1, p] -= total[4] * point[6]
                by_weights[obj, 0, p] += total[5]
                by_weights[obj, 1, p] += total[6]
                by_delta[obj] += total[7]


@inlined
def _point_sums(point, maps, seed, count, bounds, delta, z_min):
    """Sums over poses of the gradients by x, y, z, by weighted errors, by weights, and by delta."""
    dtype = maps.dtype
    zero, one, tiny = dtype.type(0), dtype.type(1), dtype.type(TINY_SQUARE)
    left, top, right, bottom = bounds[0], bounds[1], bounds[2], bounds[3]
    x, y, z, u_seen, v_seen, weight_u, weight_v = point
    a, b, c, d = maps[0, :count], maps[1, :count], maps[2, :count], maps[3, :count]
    e, f, g, h = maps[4, :count], maps[5, :count], maps[6, :count], maps[7, :count]
    i, j, k, o = maps[8, :count], maps[9, :count], maps[10, :count], maps[11, :count]
    by_x, by_y, by_z, by_delta = zero, zero, zero, zero
    by_error_u, by_error_v, by_weight_u, by_weight_v = zero, zero, zero, zero
    for s in range(count):
        depth = i[s] * x + j[s] * y + k[s] * z + o[s]
        inverse = one / (z_min if depth < z_min else depth)
        u_free = (a[s] * x + b[s] * y + c[s] * z + d[s]) * inverse
        v_free = (e[s] * x + f[s] * y + g[s] * z + h[s]) * inverse
        off_u, off_v = clamp(u_free, left, right) - u_seen, clamp(v_free, top, bottom) - v_seen
        error_u, error_v = off_u * weight_u, off_v * weight_v
        squared = error_u * error_u + error_v * error_v
        error = np.sqrt(tiny if squared < tiny else squared)
        outlier = error > delta
        slope = seed[s] * (delta / error if outlier else one)
        slope_u, slope_v = slope * error_u, slope * error_v
        by_delta += seed[s] * (error - delta) if outlier else zero
        by_error_u += slope_u
        by_error_v += slope_v
        by_weight_u += slope_u * off_u
        by_weight_v += slope_v * off_v
        by_u = slope_u * weight_u * inverse if (u_free >= left) & (u_free <= right) else zero
        by_v = slope_v * weight_v * inverse if (v_free >= top) & (v_free <= bottom) else zero
        by_depth = -(by_u * u_free + by_v * v_free) if depth >= z_min else zero
        by_x += a[s] * by_u + e[s] * by_v + i[s] * by_depth
        by_y += b[s] * by_u + f[s] * by_v + j[s] * by_depth
        by_z += c[s] * by_u + g[s] * by_v + k[s] * by_depth
    return by_x, by_y, by_z, by_error_u, by_error_v, by_weight_u, by_weight_v, by_delta


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
