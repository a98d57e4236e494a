"""Cost of many poses per object, and its gradient by the points without a graph.

Both kernels project every point at every pose. The values run along the points, of which a pose
needs one sum; the adjoint runs along the poses, since there a point needs the sums.
"""

import numpy as np

from epropnp.backends.numba_cpu.compiled import inlined, kernel
from epropnp.backends.numba_cpu.projection import clamp, pixel_map, point_rows

BLOCK_POINTS = 1024  # points of an object whose rows stay in the first level cache
TINY_SQUARE = 1e-30  # floor of a squared error, as in `Huber`


@kernel
def sample_values(first, last, scratch, cost, poses, out):
    """Costs (S, B) at poses (S, B, P); scratch 9 + 12 S."""
    samples, points = poses.shape[0], cost.points.shape[2]
    turn = scratch[:9].reshape((3, 3))
    maps = scratch[9 : 9 + 12 * samples].reshape((samples, 3, 4))
    for obj in range(first, last):
        for s in range(samples):
            pixel_map(poses[s, obj], cost.intrinsics[obj], cost.tilt[obj], turn, maps[s])
            out[s, obj] = 0
        undefined = np.isnan(cost.delta[obj])
        for start in range(0, points, BLOCK_POINTS):
            stop = min(start + BLOCK_POINTS, points)
            rows = point_rows(cost, obj, start, stop)
            for s in range(samples):
                value = _value(maps[s], rows, cost.bounds[obj], cost.delta[obj], cost.z_min)
                out[s, obj] += np.nan if undefined else value


@inlined
def _value(m, rows, bounds, delta, z_min):
    """Cost of points under one map (3, 4)."""
    dtype = m.dtype
    one, half, tiny = dtype.type(1), dtype.type(0.5), dtype.type(TINY_SQUARE)
    a, b, c, d = m[0, 0], m[0, 1], m[0, 2], m[0, 3]
    e, f, g, h = m[1, 0], m[1, 1], m[1, 2], m[1, 3]
    i, j, k, o = m[2, 0], m[2, 1], m[2, 2], m[2, 3]
    left, top, right, bottom = bounds[0], bounds[1], bounds[2], bounds[3]
    x_row, y_row, z_row, u_row, v_row, wu_row, wv_row = rows
    total = dtype.type(0)
    for p in range(len(x_row)):
        x, y, z = x_row[p], y_row[p], z_row[p]
        depth = i * x + j * y + k * z + o
        inverse = one / (z_min if depth < z_min else depth)
        u = clamp((a * x + b * y + c * z + d) * inverse, left, right)
        v = clamp((e * x + f * y + g * z + h) * inverse, top, bottom)
        error_u, error_v = (u - u_row[p]) * wu_row[p], (v - v_row[p]) * wv_row[p]
        squared = error_u * error_u + error_v * error_v
        error = np.sqrt(tiny if squared < tiny else squared)
        inner = delta if error > delta else error
        total += inner * (error - half * inner)
    return total
