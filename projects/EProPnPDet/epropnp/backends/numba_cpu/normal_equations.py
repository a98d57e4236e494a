"""Value, gradient and Gauss-Newton matrix of a cost in one pass over the points.

The Jacobian is never written out: every point adds its share to 1 + D + D (D + 1) / 2 sums, which
stay in registers. A `system` array holds them: the value, the gradient, and the lower triangle of
the matrix row by row.
"""

import numpy as np

from epropnp.backends.numba_cpu.compiled import inlined, kernel
from epropnp.backends.numba_cpu.projection import flat, point_rows, rotate
from epropnp.backends.numba_cpu.shares import View, quaternion_share, yaw_share

SCRATCH = 9 + 28  # a rotation, and the largest system, that of six degrees of freedom


@inlined
def accumulate(cost, item, obj, pose, turn, system):
    """Write the system of problem ``item``, object ``obj``, at a pose; ``turn`` is scratch."""
    rotate(pose, cost.tilt[obj], turn)
    rows = point_rows(cost, item, 0, cost.points.shape[2])
    bounds, tilt = cost.bounds[obj], cost.tilt[obj]
    view = View(
        flat(turn),
        (pose[0], pose[1], pose[2]),
        flat(cost.intrinsics[obj]),
        (bounds[0], bounds[1], bounds[2], bounds[3]),
        cost.delta[obj],
        (tilt[0, 1], tilt[1, 1], tilt[2, 1]),
        cost.z_min,
        cost.clip_jacobian,
    )
    if len(pose) == 4:
        _accumulate_yaw(rows, view, system)
    else:
        _accumulate_quaternion(rows, view, system)
    if np.isnan(cost.delta[obj]):
        system[0] = np.nan


@inlined
def _accumulate_yaw(rows, view, system):
    dtype = system.dtype.type
    zero = dtype(0)
    x, y, z, u, v, wu, wv = rows
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = s8 = s9 = zero
    s10 = s11 = s12 = s13 = s14 = zero
    for p in range(len(x)):
        t = yaw_share((x[p], y[p], z[p]), (u[p], v[p], wu[p], wv[p]), view, dtype)
        s0 += t[0]
        s1 += t[1]
        s2 += t[2]
        s3 += t[3]
        s4 += t[4]
        s5 += t[5]
        s6 += t[6]
        s7 += t[7]
        s8 += t[8]
        s9 += t[9]
        s10 += t[10]
        s11 += t[11]
        s12 += t[12]
        s13 += t[13]
        s14 += t[14]
    system[0], system[1], system[2], system[3], system[4] = s0, s1, s2, s3, s4
    system[5], system[6], system[7], system[8], system[9] = s5, s6, s7, s8, s9
    system[10], system[11], system[12], system[13], system[14] = s10, s11, s12, s13, s14


@inlined
def _accumulate_quaternion(rows, view, system):
    dtype = system.dtype.type
    zero = dtype(0)
    x, y, z, u, v, wu, wv = rows
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = s8 = s9 = zero
    s10 = s11 = s12 = s13 = s14 = s15 = s16 = s17 = s18 = s19 = zero
    s20 = s21 = s22 = s23 = s24 = s25 = s26 = s27 = zero
    for p in range(len(x)):
        t = quaternion_share((x[p], y[p], z[p]), (u[p], v[p], wu[p], wv[p]), view, dtype)
        s0 += t[0]
        s1 += t[1]
        s2 += t[2]
        s3 += t[3]
        s4 += t[4]
        s5 += t[5]
        s6 += t[6]
        s7 += t[7]
        s8 += t[8]
        s9 += t[9]
        s10 += t[10]
        s11 += t[11]
        s12 += t[12]
        s13 += t[13]
        s14 += t[14]
        s15 += t[15]
        s16 += t[16]
        s17 += t[17]
        s18 += t[18]
        s19 += t[19]
        s20 += t[20]
        s21 += t[21]
        s22 += t[22]
        s23 += t[23]
        s24 += t[24]
        s25 += t[25]
        s26 += t[26]
        s27 += t[27]
    system[0], system[1], system[2], system[3], system[4] = s0, s1, s2, s3, s4
    system[5], system[6], system[7], system[8], system[9] = s5, s6, s7, s8, s9
    system[10], system[11], system[12], system[13], system[14] = s10, s11, s12, s13, s14
    system[15], system[16], system[17], system[18], system[19] = s15, s16, s17, s18, s19
    system[20], system[21], system[22], system[23], system[24] = s20, s21, s22, s23, s24
    system[25], system[26], system[27] = s25, s26, s27


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
