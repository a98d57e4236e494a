"""Value, gradient and Gauss-Newton matrix of a cost in one pass over the points.

The Jacobian is never written out: every point adds its share to 1 + D + D (D + 1) / 2 sums, which
stay in registers. A `system` array holds them: the value, the gradient, and the lower triangle of
the matrix row by row.
"""

import numpy as np

from epropnp.backends.numba_cpu.compiled import inlined, kernel
from epropnp.backends.numba_cpu.projection import clamp, point_rows, rotate
from epropnp.backends.numba_cpu.sample_cost import TINY_SQUARE

SCRATCH = 9 + 28  # a rotation, and the largest system, that of six degrees of freedom
TINY_DELTA = 1e-10  # floor of a threshold by which is divided, as in `Huber`


@inlined
def accumulate(cost, item, obj, pose, turn, system):
    """Write the system of problem ``item``, object ``obj``, at a pose; ``turn`` is scratch."""
    rotate(pose, cost.tilt[obj], turn)
    rows = point_rows(cost, item, 0, cost.points.shape[2])
    setting = (cost.bounds[obj], cost.delta[obj], cost.z_min, cost.clip_jacobian)
    if len(pose) == 4:
        axis = (cost.tilt[obj, 0, 1], cost.tilt[obj, 1, 1], cost.tilt[obj, 2, 1])
        _accumulate_yaw(rows, turn, pose, cost.intrinsics[obj], axis, setting, system)
    else:
        _accumulate_quaternion(rows, turn, pose, cost.intrinsics[obj], setting, system)
    if np.isnan(cost.delta[obj]):
        system[0] = np.nan


@inlined
def _linearized(turned, seen, pose, k, setting):
    """One point under a pose.

    Args:
        turned: rotated point, camera axes.
        seen: pixel u, v and their weights.
        pose: translation first.
        k: intrinsics (3, 3).
        setting: bounds, threshold, nearest depth, whether clipped coordinates have no derivative.

    Returns:
        Cost, reweighting factor, weighted errors (u, v), and the rows of the Jacobian of both by
        the translation, three numbers each.
    """
    bounds, delta, z_min, clip_jacobian = setting
    dtype = k.dtype
    zero, one, half = dtype.type(0), dtype.type(1), dtype.type(0.5)
    tiny, floor = dtype.type(TINY_SQUARE), dtype.type(TINY_DELTA)
    u_seen, v_seen, weight_u, weight_v = seen
    x, y, z = turned[0] + pose[0], turned[1] + pose[1], turned[2] + pose[2]
    depth = k[2, 0] * x + k[2, 1] * y + k[2, 2] * z
    inverse = one / (z_min if depth < z_min else depth)
    u = clamp((k[0, 0] * x + k[0, 1] * y + k[0, 2] * z) * inverse, bounds[0], bounds[2])
    v = clamp((k[1, 0] * x + k[1, 1] * y + k[1, 2] * z) * inverse, bounds[1], bounds[3])
    error_u, error_v = (u - u_seen) * weight_u, (v - v_seen) * weight_v
    squared = error_u * error_u + error_v * error_v
    error = np.sqrt(tiny if squared < tiny else squared)
    inner = delta if error > delta else error
    threshold = floor if delta < floor else delta
    factor = threshold / error if squared > threshold * threshold else one
    free = (depth > z_min) | (not clip_jacobian)
    free_u = free & ((u > bounds[0]) & (u < bounds[2]) | (not clip_jacobian))
    free_v = free & ((v > bounds[1]) & (v < bounds[3]) | (not clip_jacobian))
    scale_u = weight_u * inverse if free_u else zero
    scale_v = weight_v * inverse if free_v else zero
    by_u = (k[0, 0] * scale_u, k[0, 1] * scale_u, (k[0, 2] - u) * scale_u)
    by_v = (k[1, 0] * scale_v, k[1, 1] * scale_v, (k[1, 2] - v) * scale_v)
    return inner * (error - half * inner), factor, error_u, error_v, by_u, by_v


@inlined
def _accumulate_yaw(rows, turn, pose, k, axis, setting, system):
    zero = turn.dtype.type(0)
    x_row, y_row, z_row, u_row, v_row, wu_row, wv_row = rows
    value, g0, g1, g2, g3 = zero, zero, zero, zero, zero
    h00, h10, h11, h20, h21, h22 = zero, zero, zero, zero, zero, zero
    h30, h31, h32, h33 = zero, zero, zero, zero
    ax, ay, az = axis
    for p in range(len(x_row)):
        x, y, z = x_row[p], y_row[p], z_row[p]
        rx = turn[0, 0] * x + turn[0, 1] * y + turn[0, 2] * z
        ry = turn[1, 0] * x + turn[1, 1] * y + turn[1, 2] * z
        rz = turn[2, 0] * x + turn[2, 1] * y + turn[2, 2] * z
        seen = (u_row[p], v_row[p], wu_row[p], wv_row[p])
        cost, factor, eu, ev, (u0, u1, u2), (v0, v1, v2) = _linearized(
            (rx, ry, rz), seen, pose, k, setting
        )
        mx, my, mz = ay * rz - az * ry, az * rx - ax * rz, ax * ry - ay * rx
        u3, v3 = u0 * mx + u1 * my + u2 * mz, v0 * mx + v1 * my + v2 * mz
        value += cost
        s0, s1, s2, s3 = factor * u0, factor * u1, factor * u2, factor * u3
        t0, t1, t2, t3 = factor * v0, factor * v1, factor * v2, factor * v3
        g0 += s0 * eu + t0 * ev
        g1 += s1 * eu + t1 * ev
        g2 += s2 * eu + t2 * ev
        g3 += s3 * eu + t3 * ev
        h00 += s0 * u0 + t0 * v0
        h10 += s1 * u0 + t1 * v0
        h11 += s1 * u1 + t1 * v1
        h20 += s2 * u0 + t2 * v0
        h21 += s2 * u1 + t2 * v1
        h22 += s2 * u2 + t2 * v2
        h30 += s3 * u0 + t3 * v0
        h31 += s3 * u1 + t3 * v1
        h32 += s3 * u2 + t3 * v2
        h33 += s3 * u3 + t3 * v3
    system[0], system[1], system[2], system[3], system[4] = value, g0, g1, g2, g3
    system[5], system[6], system[7] = h00, h10, h11
    system[8], system[9], system[10] = h20, h21, h22
    system[11], system[12], system[13], system[14] = h30, h31, h32, h33


@inlined
def _accumulate_quaternion(rows, turn, pose, k, setting, system):  # noqa: PLR0915 - 28 sums
    zero, two = turn.dtype.type(0), turn.dtype.type(2)
    x_row, y_row, z_row, u_row, v_row, wu_row, wv_row = rows
    value, g0, g1, g2, g3, g4, g5 = zero, zero, zero, zero, zero, zero, zero
    h00, h10, h11, h20, h21, h22 = zero, zero, zero, zero, zero, zero
    h30, h31, h32, h33 = zero, zero, zero, zero
    h40, h41, h42, h43, h44 = zero, zero, zero, zero, zero
    h50, h51, h52, h53, h54, h55 = zero, zero, zero, zero, zero, zero
    for p in range(len(x_row)):
        x, y, z = x_row[p], y_row[p], z_row[p]
        rx = turn[0, 0] * x + turn[0, 1] * y + turn[0, 2] * z
        ry = turn[1, 0] * x + turn[1, 1] * y + turn[1, 2] * z
        rz = turn[2, 0] * x + turn[2, 1] * y + turn[2, 2] * z
        seen = (u_row[p], v_row[p], wu_row[p], wv_row[p])
        cost, factor, eu, ev, (u0, u1, u2), (v0, v1, v2) = _linearized(
            (rx, ry, rz), seen, pose, k, setting
        )
        qx, qy, qz = two * rx, two * ry, two * rz
        u3, u4, u5 = u1 * qz - u2 * qy, u2 * qx - u0 * qz, u0 * qy - u1 * qx
        v3, v4, v5 = v1 * qz - v2 * qy, v2 * qx - v0 * qz, v0 * qy - v1 * qx
        value += cost
        s0, s1, s2 = factor * u0, factor * u1, factor * u2
        s3, s4, s5 = factor * u3, factor * u4, factor * u5
        t0, t1, t2 = factor * v0, factor * v1, factor * v2
        t3, t4, t5 = factor * v3, factor * v4, factor * v5
        g0 += s0 * eu + t0 * ev
        g1 += s1 * eu + t1 * ev
        g2 += s2 * eu + t2 * ev
        g3 += s3 * eu + t3 * ev
        g4 += s4 * eu + t4 * ev
        g5 += s5 * eu + t5 * ev
        h00 += s0 * u0 + t0 * v0
        h10 += s1 * u0 + t1 * v0
        h11 += s1 * u1 + t1 * v1
        h20 += s2 * u0 + t2 * v0
        h21 += s2 * u1 + t2 * v1
        h22 += s2 * u2 + t2 * v2
        h30 += s3 * u0 + t3 * v0
        h31 += s3 * u1 + t3 * v1
        h32 += s3 * u2 + t3 * v2
        h33 += s3 * u3 + t3 * v3
        h40 += s4 * u0 + t4 * v0
        h41 += s4 * u1 + t4 * v1
        h42 += s4 * u2 + t4 * v2
        h43 += s4 * u3 + t4 * v3
        h44 += s4 * u4 + t4 * v4
        h50 += s5 * u0 + t5 * v0
        h51 += s5 * u1 + t5 * v1
        h52 += s5 * u2 + t5 * v2
        h53 += s5 * u3 + t5 * v3
        h54 += s5 * u4 + t5 * v4
        h55 += s5 * u5 + t5 * v5
    system[0], system[1], system[2], system[3] = value, g0, g1, g2
    system[4], system[5], system[6] = g3, g4, g5
    system[7], system[8], system[9] = h00, h10, h11
    system[10], system[11], system[12] = h20, h21, h22
    system[13], system[14], system[15], system[16] = h30, h31, h32, h33
    system[17], system[18], system[19], system[20], system[21] = h40, h41, h42, h43, h44
    system[22], system[23], system[24], system[25] = h50, h51, h52, h53
    system[26], system[27] = h54, h55


@inlined
def unpack(system, dof, matrix):
    """Write the symmetric matrix (D, D) of a system."""
    at = 1 + dof
    for row in range(dof):
        for column in range(row + 1):
            matrix[row, column] = system[at]
            matrix[column, row] = system[at]
            at += 1


@kernel
def normal_equations(first, last, scratch, cost, poses, values, gradients, matrices):
    """Values (N,), gradients (N, D) and matrices (N, D, D) at poses (N, P); scratch `SCRATCH`."""
    dof = gradients.shape[1]
    turn, system = scratch[:9].reshape((3, 3)), scratch[9:]
    for item in range(first, last):
        obj, own = item % len(cost.intrinsics), item % len(cost.points)
        accumulate(cost, own, obj, poses[item], turn, system)
        values[item] = system[0]
        for row in range(dof):
            gradients[item, row] = system[1 + row]
        unpack(system, dof, matrices[item])
