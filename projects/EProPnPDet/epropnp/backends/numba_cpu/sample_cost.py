"""Cost of many poses per object, and its gradient by the points without a graph.

Both kernels project every point at every pose. The values run along the points, of which a pose
needs one sum; the adjoint runs along the poses, since there a point needs the sums.
"""

import numpy as np

from epropnp.backends.numba_cpu.compiled import inlined, kernel
from epropnp.backends.numba_cpu.projection import clamp, load_poses, pixel_maps, point_rows

BLOCK_POINTS = 1024  # points of an object whose rows stay in the first level cache
MAP = 12  # numbers of a map from object points to homogeneous pixels
TINY_SQUARE = 1e-30  # floor of a squared error, as in `Huber`


@kernel
def sample_values(first, last, scratch, cost, poses, out):
    """Costs (S, B) at poses (S, B, P); scratch (12 + 1 + P) S."""
    samples, size = poses.shape[0], poses.shape[2]
    local, at = scratch[: size * samples].reshape((size, samples)), size * samples
    values, maps = scratch[at : at + samples], scratch[at + samples :]
    for obj in range(first, last):
        load_poses(poses, 0, samples, obj, local)
        costs_of(cost, obj, local, 0, maps, values)
        for s in range(samples):
            out[s, obj] = values[s]


@inlined
def costs_of(cost, obj, poses, begin, scratch, out):
    """Write costs (n,) of an object at n poses of (P, S), from one on; scratch 12 n."""
    samples, points = len(out), cost.points.shape[2]
    maps = scratch[: MAP * samples].reshape((MAP, samples))
    pixel_maps(poses, begin, cost.intrinsics[obj], cost.tilt[obj], maps)
    undefined = np.isnan(cost.delta[obj])
    for s in range(samples):
        out[s] = np.nan if undefined else 0.0
    for start in range(0, points, BLOCK_POINTS):
        stop = min(start + BLOCK_POINTS, points)
        rows = point_rows(cost, obj, start, stop)
        for s in range(samples):
            out[s] += _value(maps, s, rows, cost.bounds[obj], cost.delta[obj], cost.z_min)


@inlined
def _value(m, s, rows, bounds, delta, z_min):
    """Cost of points under one of the maps (12, n)."""
    dtype = m.dtype
    one, half, tiny = dtype.type(1), dtype.type(0.5), dtype.type(TINY_SQUARE)
    a, b, c, d = m[0, s], m[1, s], m[2, s], m[3, s]
    e, f, g, h = m[4, s], m[5, s], m[6, s], m[7, s]
    i, j, k, o = m[8, s], m[9, s], m[10, s], m[11, s]
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
