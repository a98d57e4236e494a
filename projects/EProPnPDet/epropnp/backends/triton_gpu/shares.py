"""What one point adds to the normal equations, for a tile of points at a time.

A share has the order of a system: the value, the gradient, and the lower triangle of the
Gauss-Newton matrix row by row; 15 numbers for four degrees of freedom, 28 for six.
"""

import triton
import triton.language as tl

from epropnp.backends.triton_gpu.projection import (
    TINY_SQUARE,
    clamp,
    cross,
    dot,
    read_rows,
    rotation,
    turn,
)

TINY_DELTA = tl.constexpr(1e-10)  # floor of a threshold by which is divided, as in `Huber`


@triton.jit
def system_at(cost, item, view, pose, num_points, SETTING: tl.constexpr):
    """System of problem ``item`` at a pose: sums of the shares of its points."""
    dof: tl.constexpr = SETTING.dof
    block: tl.constexpr = SETTING.block
    matrix = rotation(pose, view.tilt, dof)
    sums = ()
    for _ in tl.static_range(1 + dof + dof * (dof + 1) // 2):
        sums = sums + (tl.zeros([block], cost.points.dtype.element_ty),)
    for start in range(0, num_points, block):
        at = start + tl.arange(0, block)
        point = read_rows(cost.points, item, at, num_points, 3)
        pixel = read_rows(cost.pixels, item, at, num_points, 2)
        weight = read_rows(cost.weights, item, at, num_points, 2)
        shares = share(turn(matrix, point), (pixel, weight), pose, view, SETTING)
        value = tl.where(at < num_points, shares[0], 0.0)
        sums = added(sums, (value,) + shares[1:])
    return totals(sums)


@triton.jit
def added(left, right):
    """Sums of pairs."""
    sums = ()
    for i in tl.static_range(len(left)):
        sums = sums + (left[i] + right[i],)
    return sums


@triton.jit
def totals(tiles):
    """Sum over each tile."""
    sums = ()
    for i in tl.static_range(len(tiles)):
        sums = sums + (tl.sum(tiles[i], 0),)
    return sums


@triton.jit
def share(turned, seen, pose, view, SETTING: tl.constexpr):
    """Shares of rotated points ``turned`` seen at ``seen``, pixels and weights."""
    dof: tl.constexpr = SETTING.dof
    value, factor, error, by_u, by_v = linearized(turned, seen, pose, view, SETTING.clip_jacobian)
    if dof == 4:
        motion = cross((view.tilt[1], view.tilt[4], view.tilt[7]), turned)
        by_u, by_v = by_u + (dot(by_u, motion),), by_v + (dot(by_v, motion),)
    else:
        twice = (turned[0] + turned[0], turned[1] + turned[1], turned[2] + turned[2])
        by_u, by_v = by_u + cross(by_u, twice), by_v + cross(by_v, twice)
    gradient, triangle = (), ()
    for row in tl.static_range(dof):
        scaled_u, scaled_v = factor * by_u[row], factor * by_v[row]
        gradient = gradient + (scaled_u * error[0] + scaled_v * error[1],)
        for column in tl.static_range(row + 1):
            triangle = triangle + (scaled_u * by_u[column] + scaled_v * by_v[column],)
    return (value,) + gradient + triangle


@triton.jit
def linearized(turned, seen, pose, view, CLIP_JACOBIAN: tl.constexpr):
    """Cost, reweighting factor, weighted errors (u, v), and their Jacobians by the translation."""
    pixel, weight = seen
    k, bounds, delta = view.intrinsics, view.bounds, view.delta
    camera = (turned[0] + pose[0], turned[1] + pose[1], turned[2] + pose[2])
    x, y, depth = turn(k, camera)
    inverse = 1.0 / tl.where(depth < view.z_min, view.z_min, depth)
    u, v = clamp(x * inverse, bounds[0], bounds[2]), clamp(y * inverse, bounds[1], bounds[3])
    error_u, error_v = (u - pixel[0]) * weight[0], (v - pixel[1]) * weight[1]
    squared = error_u * error_u + error_v * error_v
    value, error = huber(squared, delta)
    threshold = tl.where(delta < TINY_DELTA, TINY_DELTA, delta)
    factor = tl.where(squared > threshold * threshold, threshold / error, 1.0)
    scale_u, scale_v = weight[0] * inverse, weight[1] * inverse
    if CLIP_JACOBIAN:
        deep = depth > view.z_min
        scale_u = tl.where(deep & (u > bounds[0]) & (u < bounds[2]), scale_u, 0.0)
        scale_v = tl.where(deep & (v > bounds[1]) & (v < bounds[3]), scale_v, 0.0)
    by_u = (k[0] * scale_u, k[1] * scale_u, (k[2] - u) * scale_u)
    by_v = (k[3] * scale_v, k[4] * scale_v, (k[5] - v) * scale_v)
    return value, factor, (error_u, error_v), by_u, by_v


@triton.jit
def huber(squared, delta):
    """Huber costs of squared errors, and the errors."""
    error = tl.sqrt(tl.where(squared < TINY_SQUARE, TINY_SQUARE, squared))
    inner = tl.where(error <= delta, error, delta)  # a threshold that is not a number shows
    return inner * (error - 0.5 * inner), error
