"""What one point adds to the normal equations: numbers in, numbers out.

A share has the order of a system: the value, the gradient, and the lower triangle of the
Gauss-Newton matrix row by row. Everything is a number or a tuple of numbers, which the compiler
keeps in registers, one point after the other or one in each vector lane.
"""

from typing import NamedTuple

import numpy as np

from epropnp.backends.numba_cpu.compiled import inlined
from epropnp.backends.numba_cpu.projection import clamp
from epropnp.backends.numba_cpu.sample_cost import TINY_SQUARE

TINY_DELTA = 1e-10  # floor of a threshold by which is divided, as in `Huber`


class View(NamedTuple):
    """A pose and the camera of an object.

    Attributes:
        turn: rotation, nine numbers row by row.
        place: translation.
        intrinsics: nine numbers.
        bounds: lowest u, v, highest u, v.
        delta: Huber threshold.
        axis: about which yaw turns, camera axes.
        z_min: depth at which nearer points are projected.
        clip_jacobian: a clipped coordinate has a zero derivative.
    """

    turn: tuple
    place: tuple
    intrinsics: tuple
    bounds: tuple
    delta: np.floating
    axis: tuple
    z_min: np.floating
    clip_jacobian: bool


@inlined
def _linearized(turned, seen, view, dtype):
    """Cost, reweighting factor, weighted errors (u, v), and their Jacobians by the translation."""
    zero, one, half = dtype(0), dtype(1), dtype(0.5)
    tiny, floor = dtype(TINY_SQUARE), dtype(TINY_DELTA)
    k, bounds, delta = view.intrinsics, view.bounds, view.delta
    u_seen, v_seen, weight_u, weight_v = seen
    x, y, z = turned[0] + view.place[0], turned[1] + view.place[1], turned[2] + view.place[2]
    depth = k[6] * x + k[7] * y + k[8] * z
    inverse = one / (view.z_min if depth < view.z_min else depth)
    u = clamp((k[0] * x + k[1] * y + k[2] * z) * inverse, bounds[0], bounds[2])
    v = clamp((k[3] * x + k[4] * y + k[5] * z) * inverse, bounds[1], bounds[3])
    error_u, error_v = (u - u_seen) * weight_u, (v - v_seen) * weight_v
    squared = error_u * error_u + error_v * error_v
    error = np.sqrt(tiny if squared < tiny else squared)
    inner = delta if error > delta else error
    threshold = floor if delta < floor else delta
    factor = threshold / error if squared > threshold * threshold else one
    moves = not view.clip_jacobian
    free = (depth > view.z_min) | moves
    free_u = free & ((u > bounds[0]) & (u < bounds[2]) | moves)
    free_v = free & ((v > bounds[1]) & (v < bounds[3]) | moves)
    scale_u = weight_u * inverse if free_u else zero
    scale_v = weight_v * inverse if free_v else zero
    by_u = (k[0] * scale_u, k[1] * scale_u, (k[2] - u) * scale_u)
    by_v = (k[3] * scale_v, k[4] * scale_v, (k[5] - v) * scale_v)
    return inner * (error - half * inner), factor, (error_u, error_v), by_u, by_v


@inlined
def _turned(turn, point):
    x, y, z = point
    return (
        turn[0] * x + turn[1] * y + turn[2] * z,
        turn[3] * x + turn[4] * y + turn[5] * z,
        turn[6] * x + turn[7] * y + turn[8] * z,
    )


@inlined
def yaw_share(point, seen, view, dtype):
    """Share (15 numbers) of a point (x, y, z) seen at (u, v, weight of u, weight of v)."""
    rx, ry, rz = _turned(view.turn, point)
    ax, ay, az = view.axis
    value, factor, (eu, ev), (u0, u1, u2), (v0, v1, v2) = _linearized(
        (rx, ry, rz), seen, view, dtype
    )
    mx, my, mz = ay * rz - az * ry, az * rx - ax * rz, ax * ry - ay * rx
    u3, v3 = u0 * mx + u1 * my + u2 * mz, v0 * mx + v1 * my + v2 * mz
    s0, s1, s2, s3 = factor * u0, factor * u1, factor * u2, factor * u3
    t0, t1, t2, t3 = factor * v0, factor * v1, factor * v2, factor * v3
    return (
        value,
        s0 * eu + t0 * ev, s1 * eu + t1 * ev, s2 * eu + t2 * ev, s3 * eu + t3 * ev,
        s0 * u0 + t0 * v0,
        s1 * u0 + t1 * v0, s1 * u1 + t1 * v1,
        s2 * u0 + t2 * v0, s2 * u1 + t2 * v1, s2 * u2 + t2 * v2,
        s3 * u0 + t3 * v0, s3 * u1 + t3 * v1, s3 * u2 + t3 * v2, s3 * u3 + t3 * v3,
    )  # fmt: skip


@inlined
def quaternion_share(point, seen, view, dtype):
    """Share (28 numbers) of a point (x, y, z) seen at (u, v, weight of u, weight of v)."""
    rx, ry, rz = _turned(view.turn, point)
    two = dtype(2)
    value, factor, (eu, ev), (u0, u1, u2), (v0, v1, v2) = _linearized(
        (rx, ry, rz), seen, view, dtype
    )
    qx, qy, qz = two * rx, two * ry, two * rz
    u3, u4, u5 = u1 * qz - u2 * qy, u2 * qx - u0 * qz, u0 * qy - u1 * qx
    v3, v4, v5 = v1 * qz - v2 * qy, v2 * qx - v0 * qz, v0 * qy - v1 * qx
    s0, s1, s2 = factor * u0, factor * u1, factor * u2
    s3, s4, s5 = factor * u3, factor * u4, factor * u5
    t0, t1, t2 = factor * v0, factor * v1, factor * v2
    t3, t4, t5 = factor * v3, factor * v4, factor * v5
    return (
        value,
        s0 * eu + t0 * ev, s1 * eu + t1 * ev, s2 * eu + t2 * ev,
        s3 * eu + t3 * ev, s4 * eu + t4 * ev, s5 * eu + t5 * ev,
        s0 * u0 + t0 * v0,
        s1 * u0 + t1 * v0, s1 * u1 + t1 * v1,
        s2 * u0 + t2 * v0, s2 * u1 + t2 * v1, s2 * u2 + t2 * v2,
        s3 * u0 + t3 * v0, s3 * u1 + t3 * v1, s3 * u2 + t3 * v2, s3 * u3 + t3 * v3,
        s4 * u0 + t4 * v0, s4 * u1 + t4 * v1, s4 * u2 + t4 * v2, s4 * u3 + t4 * v3,
        s4 * u4 + t4 * v4,
        s5 * u0 + t5 * v0, s5 * u1 + t5 * v1, s5 * u2 + t5 * v2, s5 * u3 + t5 * v3,
        s5 * u4 + t5 * v4, s5 * u5 + t5 * v5,
    )  # fmt: skip
