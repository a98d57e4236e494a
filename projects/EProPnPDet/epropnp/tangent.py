"""The tangent step that leads from one pose to another, for any manifold.

A step is a translation and a turn. The turn between two rotations is their relative rotation vector
in the camera frame, expressed in the rotation steps of the manifold. For yaw this is the difference
of the angles. For quaternions it is half the angle along the axis, the shortest way round; the
retraction reaches the same rotation with a slightly longer step (the tangent of half the angle), so
the two agree to second order.
"""

import torch
from torch import Tensor

from epropnp import linear
from epropnp.conversions import quaternion_to_rotation_vector, rotation_to_quaternion, turn_axes
from epropnp.manifolds import PoseManifold

SMALL_ANGLE = 1e-2  # radians; below it the series of a coefficient is used


def step_between(manifold: PoseManifold, start: Tensor, end: Tensor) -> Tensor:
    """Tangent step (..., D) from poses (..., P) to poses (..., P)."""
    turn = rotation_between(manifold, start, end)
    step = linear.apply(_to_steps(manifold, start), turn)
    translation = end[..., :3] - start[..., :3]
    return torch.cat((translation, step.expand(*translation.shape[:-1], -1)), dim=-1)


def step_jacobian(manifold: PoseManifold, start: Tensor, end: Tensor) -> Tensor:
    """Derivative (..., D, D) of `step_between` by a tangent step of the end."""
    by_turn = inverse_left_jacobian(rotation_between(manifold, start, end))
    axes = turn_axes(manifold, start)
    turned = linear.product(by_turn, axes.mT)
    lower = linear.product(_to_steps(manifold, start), turned)
    lower = torch.nn.functional.pad(lower, (3, 0))
    upper = torch.eye(3, manifold.dof, dtype=start.dtype, device=start.device)
    return torch.cat((upper.expand(*lower.shape[:-2], 3, -1), lower), dim=-2)


def rotation_between(manifold: PoseManifold, start: Tensor, end: Tensor) -> Tensor:
    """Rotation vector (..., 3), radians, camera frame, that turns the start into the end."""
    first, second = manifold.rotation_matrix(start), manifold.rotation_matrix(end)
    return quaternion_to_rotation_vector(rotation_to_quaternion(linear.product(second, first.mT)))


def inverse_left_jacobian(vector: Tensor) -> Tensor:
    """How a rotation vector (..., 3) follows a small turn about fixed axes, (..., 3, 3).

    I - [v] / 2 + c [v]^2 with the cross product matrix [v] and c = (1 - (a / 2) cot(a / 2)) / a^2
    for the angle a; see Sola, Deray and Atchuthan, "A micro Lie theory for state estimation in
    robotics" (2018), equation 146.
    """
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), dim=-1).unflatten(-1, (3, 3))
    squared = vector.square().sum(-1)
    small = squared < SMALL_ANGLE**2
    half = 0.5 * torch.where(small, torch.ones_like(squared), squared).sqrt()
    quotient = (1.0 - half * half.cos() / half.sin()) / (4.0 * half.square())
    coefficient = torch.where(small, 1.0 / 12.0 + squared / 720.0, quotient)
    identity = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return identity - 0.5 * cross + coefficient[..., None, None] * linear.product(cross, cross)


def _to_steps(manifold: PoseManifold, like: Tensor) -> Tensor:
    """Rotation steps (..., D - 3, 3) per rotation vector; what no step turns about is left out."""
    axes = turn_axes(manifold, like)  # rows are orthogonal for all manifolds of this package
    return axes / axes.square().sum(-1, keepdim=True)
