"""Gradient of the differentiable Gauss-Newton step, in closed form.

The step is d = -(H + damping)^-1 g. With an incoming gradient c and y = (H + damping)^-1 c, the
loss changes by -y . (dH d + dg), which is the differential of

    L = -sum over points of  factor * (J y) . (J d + e)

with y, d and the pose held fixed; J, e and the reweighting factor are those of one point. J y is
the weighted derivative of the pixel along the motion p = y_t + w(y) x r of the point, so no matrix
appears. The threshold is not part of the factor's derivative where the kernel is quadratic.
"""

import numpy as np

from epropnp.backends.numba_cpu.compiled import inlined, kernel
from epropnp.backends.numba_cpu.projection import clamp, rotate
from epropnp.backends.numba_cpu.shares import TINY_DELTA


@inlined
def _turn_vector(tangent, axis):
    """Angular velocity (3 numbers) of a tangent vector (D,), camera axes."""
    if len(tangent) == 4:
        return axis[0] * tangent[3], axis[1] * tangent[3], axis[2] * tangent[3]
    two = tangent.dtype.type(2)
    return -two * tangent[3], -two * tangent[4], -two * tangent[5]


@inlined
def _motion(tangent, turning, rx, ry, rz):
    """Velocity of a rotated point under a tangent vector."""
    wx, wy, wz = turning
    return (
        tangent[0] + wy * rz - wz * ry,
        tangent[1] + wz * rx - wx * rz,
        tangent[2] + wx * ry - wy * rx,
    )


@kernel
def step_gradients(first, last, scratch, cost, poses, steps, solved, grads):
    """Gradients of L at poses (B, P), steps d and y (B, D), added to `PointGrads`; scratch 9."""
    turn = scratch[:9].reshape((3, 3))
    for obj in range(first, last):
        rotate(poses[obj], cost.tilt[obj], turn)
        axis = (cost.tilt[obj, 0, 1], cost.tilt[obj, 1, 1], cost.tilt[obj, 2, 1])
        turn_d, turn_y = _turn_vector(steps[obj], axis), _turn_vector(solved[obj], axis)
        moves = ((solved[obj], turn_y), (steps[obj], turn_d))
        for p in range(cost.points.shape[2]):
            _point(cost, obj, p, poses[obj], turn, moves, grads)


@inlined
def _seen(cost, obj, p, camera):
    """Clipped pixel of a camera-frame point and what its derivative depends on.

    Returns:
        Per coordinate (u, v): clipped and raw pixel, residual without weight, one over depth where
        the coordinate is free, else zero; then one over depth, and whether depth is not clamped.
    """
    dtype = cost.points.dtype
    zero, one = dtype.type(0), dtype.type(1)
    k, bounds = cost.intrinsics[obj], cost.bounds[obj]
    x, y, z = camera
    depth = k[2, 0] * x + k[2, 1] * y + k[2, 2] * z
    inverse = one / (cost.z_min if depth < cost.z_min else depth)
    u_raw = (k[0, 0] * x + k[0, 1] * y + k[0, 2] * z) * inverse
    v_raw = (k[1, 0] * x + k[1, 1] * y + k[1, 2] * z) * inverse
    u, v = clamp(u_raw, bounds[0], bounds[2]), clamp(v_raw, bounds[1], bounds[3])
    moves = not cost.clip_jacobian
    free = depth > cost.z_min or moves
    scale_u = inverse if free and ((u > bounds[0] and u < bounds[2]) or moves) else zero
    scale_v = inverse if free and ((v > bounds[1] and v < bounds[3]) or moves) else zero
    off_u, off_v = u - cost.pixels[obj, 0, p], v - cost.pixels[obj, 1, p]
    return (u, u_raw, off_u, scale_u), (v, v_raw, off_v, scale_v), inverse, depth >= cost.z_min


@inlined
def _robust(cost, obj, p, off_u, off_v, total):
    """Reweighting factor, and the gradients by squared error and delta for the sum ``total``."""
    dtype = cost.points.dtype
    zero, one, half, floor = dtype.type(0), dtype.type(1), dtype.type(0.5), dtype.type(TINY_DELTA)
    error_u, error_v = off_u * cost.weights[obj, 0, p], off_v * cost.weights[obj, 1, p]
    squared = error_u * error_u + error_v * error_v
    delta = cost.delta[obj]
    threshold = floor if delta < floor else delta
    if not squared > threshold * threshold:
        return one, zero, zero
    error = np.sqrt(squared)
    by_squared = total * half * threshold / (error * squared)
    return threshold / error, by_squared, (-total / error if delta >= floor else zero)


@inlined
def _coordinate(row, seen, weight, move_y, move_d, robust):
    """One coordinate of a pixel; ``row`` is its row of the intrinsics.

    Returns:
        Gradients by weight, residual, homogeneous coordinate and (through it) one over depth, by
        the three components of the motion of y, and of that of d.
    """
    dtype = row.dtype
    zero, two = dtype.type(0), dtype.type(2)
    pixel, raw, off, scale, inverse, lowest, highest = seen
    factor, by_squared = robust
    radial = row[2] - pixel
    flow = row[0] * move_y[0] + row[1] * move_y[1] + radial * move_y[2]
    step = row[0] * move_d[0] + row[1] * move_d[1] + radial * move_d[2]
    ahead = scale * step + off
    square = factor * weight * weight
    by_weight = two * weight * (by_squared * off * off - factor * scale * flow * ahead)
    by_flow, by_ahead = -square * scale * ahead, -square * scale * flow
    by_step = by_ahead * scale
    by_off = by_ahead + two * by_squared * weight * weight * off
    by_pixel = by_off - by_flow * move_y[2] - by_step * move_d[2]
    by_pixel = by_pixel if (raw >= lowest) & (raw <= highest) else zero
    by_inverse = by_pixel * raw / inverse
    by_inverse += -square * (flow * ahead + scale * flow * step) if scale != zero else zero
    by_y = (row[0] * by_flow, row[1] * by_flow, radial * by_flow)
    by_d = (row[0] * by_step, row[1] * by_step, radial * by_step)
    return by_weight, by_off, by_pixel * inverse, by_inverse, by_y, by_d


@inlined
def _point(cost, obj, p, pose, turn, moves, grads):
    """Add the gradients of the share of one point."""
    x, y, z = cost.points[obj, 0, p], cost.points[obj, 1, p], cost.points[obj, 2, p]
    rx = turn[0, 0] * x + turn[0, 1] * y + turn[0, 2] * z
    ry = turn[1, 0] * x + turn[1, 1] * y + turn[1, 2] * z
    rz = turn[2, 0] * x + turn[2, 1] * y + turn[2, 2] * z
    k, bounds = cost.intrinsics[obj], cost.bounds[obj]
    seen_u, seen_v, inverse, deep = _seen(cost, obj, p, (rx + pose[0], ry + pose[1], rz + pose[2]))
    (y_tangent, y_turn), (d_tangent, d_turn) = moves
    move_y = _motion(y_tangent, y_turn, rx, ry, rz)
    move_d = _motion(d_tangent, d_turn, rx, ry, rz)
    weight_u, weight_v = cost.weights[obj, 0, p], cost.weights[obj, 1, p]
    total = _agreement(k[0], seen_u, weight_u, move_y, move_d)
    total += _agreement(k[1], seen_v, weight_v, move_y, move_d)
    factor, by_squared, by_delta = _robust(cost, obj, p, seen_u[2], seen_v[2], total)
    robust = (factor, by_squared)
    side_u = (*seen_u, inverse, bounds[0], bounds[2])
    side_v = (*seen_v, inverse, bounds[1], bounds[3])
    wu, ou, hu, iu, yu, du = _coordinate(k[0], side_u, weight_u, move_y, move_d, robust)
    wv, ov, hv, iv, yv, dv = _coordinate(k[1], side_v, weight_v, move_y, move_d, robust)
    hd = -(iu + iv) * inverse * inverse if deep else k.dtype.type(0)
    by_y = (yu[0] + yv[0], yu[1] + yv[1], yu[2] + yv[2])
    by_d = (du[0] + dv[0], du[1] + dv[1], du[2] + dv[2])
    tx, ty, tz = _cross(by_y, y_turn)
    sx, sy, sz = _cross(by_d, d_turn)
    gx = k[0, 0] * hu + k[1, 0] * hv + k[2, 0] * hd + tx + sx
    gy = k[0, 1] * hu + k[1, 1] * hv + k[2, 1] * hd + ty + sy
    gz = k[0, 2] * hu + k[1, 2] * hv + k[2, 2] * hd + tz + sz
    grads.points[obj, 0, p] += turn[0, 0] * gx + turn[1, 0] * gy + turn[2, 0] * gz
    grads.points[obj, 1, p] += turn[0, 1] * gx + turn[1, 1] * gy + turn[2, 1] * gz
    grads.points[obj, 2, p] += turn[0, 2] * gx + turn[1, 2] * gy + turn[2, 2] * gz
    grads.pixels[obj, 0, p] -= ou
    grads.pixels[obj, 1, p] -= ov
    grads.weights[obj, 0, p] += wu
    grads.weights[obj, 1, p] += wv
    grads.delta[obj] += by_delta


@inlined
def _agreement(row, seen, weight, move_y, move_d):
    """Weighted (J y) (J d + e) of one coordinate, without the reweighting factor."""
    pixel, _, off, scale = seen
    radial = row[2] - pixel
    flow = row[0] * move_y[0] + row[1] * move_y[1] + radial * move_y[2]
    step = row[0] * move_d[0] + row[1] * move_d[1] + radial * move_d[2]
    return weight * weight * (scale * flow) * (scale * step + off)


@inlined
def _cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
