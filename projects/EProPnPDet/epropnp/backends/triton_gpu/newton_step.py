"""The differentiable Gauss-Newton step: its system, and its gradient in closed form.

With the step d, an incoming gradient c and y = (H + damping)^-1 c, all held fixed, the loss changes
by the differential of

    L = -sum over points of  factor * (J y) . (J d + e)

where J, e and the reweighting factor are those of one point. J y is the derivative of the pixel
along the motion of the point, so no matrix appears.
"""

from typing import NamedTuple

import triton
import triton.language as tl
from torch import Tensor

from epropnp.backends.triton_gpu.minimize import write_symmetric
from epropnp.backends.triton_gpu.projection import (
    clamp,
    cross,
    dot,
    read,
    read_view,
    rotation,
    turn,
    write,
)
from epropnp.backends.triton_gpu.sample_cost import read_seen, write_point_grads
from epropnp.backends.triton_gpu.shares import TINY_DELTA, added, system_at


class System(NamedTuple):
    """Gradients (B, D) and matrices (B, D, D) that are written."""

    gradients: Tensor
    matrices: Tensor


class At(NamedTuple):
    """Where the gradient is taken: poses (B, P), steps d and solved y (B, D)."""

    poses: Tensor
    steps: Tensor
    solved: Tensor


class Coordinate(NamedTuple):
    """One coordinate of a tile of pixels.

    Attributes:
        off: error without weight.
        scale: one over the depth where the coordinate is free, else zero.
        direction: derivative of the pixel by the camera frame, times the depth.
        flow, step: velocities of the pixel, times the depth, under the motions of y and d.
        raw: pixel before it is clipped.
        inside: not clipped.
    """

    off: Tensor
    scale: Tensor
    direction: tuple
    flow: Tensor
    step: Tensor
    raw: Tensor
    inside: Tensor


class Robust(NamedTuple):
    """Reweighting factor, and the gradients by the squared error and by delta."""

    factor: Tensor
    by_squared: Tensor
    by_delta: Tensor


@triton.jit
def normal_equations(cost, views, poses, sizes, out, SETTING: tl.constexpr):
    """`System` at poses (B, P); a program per object."""
    dof: tl.constexpr = SETTING.dof
    obj = tl.program_id(0).to(tl.int64)
    pose = read(poses + obj * (4 if dof == 4 else 7), 4 if dof == 4 else 7)
    system = system_at(cost, obj, read_view(views, obj), pose, sizes.points, SETTING)
    write(out.gradients + obj * dof, system[1 : 1 + dof])
    write_symmetric(out.matrices + obj * dof * dof, system, dof)


@triton.jit
def step_gradients(cost, views, at, sizes, out, SETTING: tl.constexpr):
    """`PointGrads` of L; a program per object and tile of points."""
    dof: tl.constexpr = SETTING.dof
    block: tl.constexpr = SETTING.block
    obj = tl.program_id(0).to(tl.int64)
    point = tl.program_id(1) * block + tl.arange(0, block)
    view, seen = read_view(views, obj), read_seen(cost, obj, point, sizes.points)
    pose = read(at.poses + obj * (4 if dof == 4 else 7), 4 if dof == 4 else 7)
    y, d = read(at.solved + obj * dof, dof), read(at.steps + obj * dof, dof)
    matrix = rotation(pose, view.tilt, dof)
    turned = turn(matrix, seen[0])
    turn_y, turn_d = angular(y, view.tilt, dof), angular(d, view.tilt, dof)
    moves = (motion(y, turn_y, turned), motion(d, turn_d, turned))
    by_camera, by_y, by_d, rest = shares(turned, seen, pose, moves, view, SETTING.clip_jacobian)
    pull = added(by_camera, added(cross(by_y, turn_y), cross(by_d, turn_d)))
    points = (dot(matrix[0::3], pull), dot(matrix[1::3], pull), dot(matrix[2::3], pull))
    write_point_grads(out, obj, point, sizes.points, points + rest)


@triton.jit
def angular(tangent, tilt, DOF: tl.constexpr):
    """Angular velocity of a tangent vector, camera axes."""
    if DOF == 4:
        velocity = (tilt[1] * tangent[3], tilt[4] * tangent[3], tilt[7] * tangent[3])
    else:
        velocity = (-2.0 * tangent[3], -2.0 * tangent[4], -2.0 * tangent[5])
    return velocity


@triton.jit
def motion(tangent, velocity, turned):
    """Velocity of rotated points under a tangent vector."""
    x, y, z = cross(velocity, turned)
    return tangent[0] + x, tangent[1] + y, tangent[2] + z


@triton.jit
def shares(turned, seen, pose, moves, view, CLIP_JACOBIAN: tl.constexpr):
    """Gradients by points in the camera frame, by their two motions, and by the rest of a point."""
    k, bounds, weight = view.intrinsics, view.bounds, seen[2]
    camera = (turned[0] + pose[0], turned[1] + pose[1], turned[2] + pose[2])
    x, y, depth = turn(k, camera)
    inverse = 1.0 / tl.where(depth < view.z_min, view.z_min, depth)
    scale = inverse
    if CLIP_JACOBIAN:
        scale = tl.where(depth > view.z_min, inverse, 0.0)
    u = coordinate(k[0:3], x * inverse, seen[1][0], bounds[0::2], scale, moves, CLIP_JACOBIAN)
    v = coordinate(k[3:6], y * inverse, seen[1][1], bounds[1::2], scale, moves, CLIP_JACOBIAN)
    robust = reweighted(u, v, weight, view.delta)
    weight_u, pixel_u, x, depth_u, y_u, d_u = pulled(u, weight[0], inverse, moves, robust)
    weight_v, pixel_v, y, depth_v, y_v, d_v = pulled(v, weight[1], inverse, moves, robust)
    z = tl.where(depth >= view.z_min, -(depth_u + depth_v) * inverse * inverse, 0.0)
    by_camera = (dot(k[0::3], (x, y, z)), dot(k[1::3], (x, y, z)), dot(k[2::3], (x, y, z)))
    rest = (-pixel_u, -pixel_v, weight_u, weight_v, robust.by_delta)
    return by_camera, added(y_u, y_v), added(d_u, d_v), rest


@triton.jit
def coordinate(row, raw, pixel, sides, scale, moves, CLIP_JACOBIAN: tl.constexpr):
    """One coordinate of pixels; ``row`` is that of the intrinsics, ``scale`` one over the depth."""
    clipped = clamp(raw, sides[0], sides[1])
    if CLIP_JACOBIAN:
        scale = tl.where((clipped > sides[0]) & (clipped < sides[1]), scale, 0.0)
    direction = (row[0], row[1], row[2] - clipped)
    inside = (raw >= sides[0]) & (raw <= sides[1])
    flow, step = dot(direction, moves[0]), dot(direction, moves[1])
    return Coordinate(clipped - pixel, scale, direction, flow, step, raw, inside)


@triton.jit
def reweighted(u, v, weight, delta):
    """`Robust` of pixels with the errors of their coordinates."""
    error_u, error_v = u.off * weight[0], v.off * weight[1]
    squared = error_u * error_u + error_v * error_v
    total = weight[0] * weight[0] * u.scale * u.flow * (u.scale * u.step + u.off)
    total += weight[1] * weight[1] * v.scale * v.flow * (v.scale * v.step + v.off)
    threshold = tl.where(delta < TINY_DELTA, TINY_DELTA, delta)
    outlier = squared > threshold * threshold
    error = tl.sqrt(tl.where(outlier, squared, 1.0))
    by_squared = tl.where(outlier, total * 0.5 * threshold / (error * error * error), 0.0)
    by_delta = tl.where(outlier, -total / error, 0.0)
    by_delta = tl.where(delta >= TINY_DELTA, by_delta, 0.0)
    return Robust(tl.where(outlier, threshold / error, 1.0), by_squared, by_delta)


@triton.jit
def pulled(seen, weight, inverse, moves, robust):
    """Gradients that one coordinate gives.

    Returns:
        Those by weight, error, homogeneous coordinate and (through it) one over the depth, and by
        the motions of y and d, three numbers each.
    """
    ahead = seen.scale * seen.step + seen.off
    square = robust.factor * weight * weight
    by_flow, by_ahead = -square * seen.scale * ahead, -square * seen.scale * seen.flow
    by_step = by_ahead * seen.scale
    by_weight = robust.by_squared * seen.off * seen.off
    by_weight -= robust.factor * seen.scale * seen.flow * ahead
    by_off = by_ahead + 2.0 * robust.by_squared * weight * weight * seen.off
    by_pixel = by_off - by_flow * moves[0][2] - by_step * moves[1][2]
    by_pixel = tl.where(seen.inside, by_pixel, 0.0)
    by_inverse = -square * seen.flow * (ahead + seen.scale * seen.step)
    by_inverse = tl.where(seen.scale != 0.0, by_inverse, 0.0) + by_pixel * seen.raw / inverse
    k = seen.direction
    by_y = (k[0] * by_flow, k[1] * by_flow, k[2] * by_flow)
    by_d = (k[0] * by_step, k[1] * by_step, k[2] * by_step)
    return 2.0 * weight * by_weight, by_off, by_pixel * inverse, by_inverse, by_y, by_d
