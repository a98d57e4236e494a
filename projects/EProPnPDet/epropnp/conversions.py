"""Poses and covariances in the forms other libraries use.

Poses of this package are (x, y, z, yaw) or (x, y, z, w, i, j, k), see `epropnp.manifolds`, and
covariances are those of a tangent step. Here they become 4x4 matrices, rotation vectors
(axis times angle), quaternions with the real part last, and covariances in metres and radians.

All functions take any leading axes, are differentiable, and leave the batch on its device; what is
not a floating-point tensor (TypeError) or of another last axis (ValueError) is refused by name. A
rotation vector turns about fixed axes: R(v) R is the rotation R turned about v in the camera frame.
"""

import torch
from torch import Tensor

from epropnp import linear
from epropnp.arguments import check_floating
from epropnp.distributions import wrap_angle
from epropnp.manifolds import PoseManifold, QuatPose, YawPose, normalize_quaternion

SMALL_ANGLE = 1e-4  # radians; below it series are more accurate than quotients


def pose_to_matrix(manifold: PoseManifold, pose: Tensor) -> Tensor:
    """Transforms (..., 4, 4) from the object to the camera frame of poses (..., P)."""
    _check_last("pose", pose, manifold.num_params)
    top = torch.cat((manifold.rotation_matrix(pose), pose[..., :3, None]), dim=-1)
    bottom = torch.eye(4, dtype=pose.dtype, device=pose.device)[3:]
    return torch.cat((top, bottom.expand(*top.shape[:-2], 1, 4)), dim=-2)


def matrix_to_pose(manifold: PoseManifold, matrix: Tensor) -> Tensor:
    """Poses (..., P) of transforms (..., 4, 4) or (..., 3, 4) from the object to the camera frame.

    For a `YawPose` the rotation becomes the closest one about the vertical, that is, with the
    least sum of squared differences between the two matrices.

    Raises:
        TypeError: it is not a tensor of floating-point numbers.
        ValueError: another shape, or a manifold that is neither `YawPose` nor `QuatPose`.
    """
    check_floating("matrix", matrix)
    if matrix.dim() < 2 or matrix.shape[-1] != 4 or matrix.shape[-2] not in (3, 4):
        raise ValueError(f"matrix must be (..., 4, 4) or (..., 3, 4), got {tuple(matrix.shape)}")
    rotation, translation = matrix[..., :3, :3], matrix[..., :3, 3]
    if isinstance(manifold, QuatPose):
        return torch.cat((translation, rotation_to_quaternion(rotation)), dim=-1)
    if isinstance(manifold, YawPose):
        yaw = _closest_yaw(manifold, rotation)
        return torch.cat((translation, yaw.unsqueeze(-1)), dim=-1)
    raise ValueError(f"no conversion from matrices to poses of {type(manifold).__name__}")


def quaternion_pose(manifold: YawPose, pose: Tensor) -> Tensor:
    """Poses (..., 7) with quaternions that are the same as poses (..., 4) with yaw."""
    return matrix_to_pose(QuatPose(), pose_to_matrix(manifold, pose))


def yaw_pose(pose: Tensor, gravity: Tensor | None = None) -> Tensor:
    """Poses (..., 4) with yaw that are closest to poses (..., 7) with quaternions.

    This is the yaw in the sense of `YawPose`, of the whole rotation; for the heading of the
    object's x axis alone see `epropnp.marginals.heading`. The two agree for an upright object.

    Args:
        pose: (..., B, 7).
        gravity: (3, 3) or (B, 3, 3) rotation from the camera to a gravity-aligned frame.
    """
    return matrix_to_pose(YawPose(gravity), pose_to_matrix(QuatPose(), pose))


def rotation_to_quaternion(rotation: Tensor) -> Tensor:
    """Unit quaternions (..., 4), real part first and not negative, of rotations (..., 3, 3).

    Each row of the matrix 4 q q^T, which is linear in the rotation, is a multiple of q; the one
    with the largest diagonal entry is normalised, so that no rotation loses precision.
    """
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in rotation.unbind(-2))
    rows = torch.stack(
        (
            1 + a + e + i, h - f, c - g, d - b,
            h - f, 1 + a - e - i, b + d, c + g,
            c - g, b + d, 1 - a + e - i, f + h,
            d - b, c + g, f + h, 1 - a - e + i,
        ),
        dim=-1,
    ).unflatten(-1, (4, 4))  # fmt: skip
    largest = rows.detach().diagonal(dim1=-2, dim2=-1).argmax(-1)
    row = rows.gather(-2, largest[..., None, None].expand(*largest.shape, 1, 4)).squeeze(-2)
    quaternion = normalize_quaternion(row)
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def rotation_vector_to_quaternion(vector: Tensor) -> Tensor:
    """Unit quaternions (..., 4), real part first, of rotation vectors (..., 3), radians."""
    _check_last("vector", vector, 3)
    squared = vector.square().sum(-1, keepdim=True)
    small = squared < SMALL_ANGLE**2
    angle = torch.where(small, torch.ones_like(squared), squared).sqrt()
    half = torch.where(small, 0.5 - squared / 48.0, (0.5 * angle).sin() / angle)
    real = torch.where(small, 1.0 - squared / 8.0, (0.5 * angle).cos())
    return torch.cat((real, half * vector), dim=-1)


def quaternion_to_rotation_vector(quaternion: Tensor) -> Tensor:
    """Rotation vectors (..., 3), radians, no longer than pi, of unit quaternions (..., 4)."""
    _check_last("quaternion", quaternion, 4)
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    real, imaginary = quaternion[..., :1], quaternion[..., 1:]
    squared = imaginary.square().sum(-1, keepdim=True)
    small = squared < (0.5 * SMALL_ANGLE) ** 2
    sine = torch.where(small, torch.ones_like(squared), squared).sqrt()
    ratio = squared / real.clamp(min=0.5).square()
    series = 2.0 / real.clamp(min=0.5) * (1.0 - ratio / 3.0)
    return imaginary * torch.where(small, series, 2.0 * torch.atan2(sine, real) / sine)


def real_last(quaternion: Tensor) -> Tensor:
    """Quaternions (..., 4) w, i, j, k as i, j, k, w (scipy, ROS, Eigen's memory)."""
    _check_last("quaternion", quaternion, 4)
    return quaternion.roll(-1, -1)


def real_first(quaternion: Tensor) -> Tensor:
    """Quaternions (..., 4) i, j, k, w as w, i, j, k (this package, nuScenes, pyquaternion)."""
    _check_last("quaternion", quaternion, 4)
    return quaternion.roll(1, -1)


def turn_axes(manifold: PoseManifold, like: Tensor) -> Tensor:
    """Rotation vectors (..., D - 3, 3), camera frame, of unit rotation steps; radians per unit.

    They are the same for all poses: the vertical for yaw, and minus twice each camera axis for
    quaternions. (A step turns a point r by ``axes x r``; see `PoseManifold.turn_gradient`.)
    """
    identity = torch.eye(3, dtype=like.dtype, device=like.device)
    gravity = getattr(manifold, "gravity", None)
    batch = () if gravity is None else gravity.shape[:-2]
    points = identity.expand(*batch, 3, 3)  # columns are the axes as points
    turned = manifold.turn_gradient(points, identity.expand(*batch, 3, 3).unsqueeze(-1))
    return torch.stack((turned[..., 2, 1], turned[..., 0, 2], turned[..., 1, 0]), dim=-1)


def metric_covariance(manifold: PoseManifold, covariance: Tensor) -> Tensor:
    """Covariances (..., 6, 6) of translation (metres) and rotation vector (radians).

    Both in the camera frame: the translation that is added to the pose, and the vector about which
    the object is turned. With yaw the matrix has rank 4; a standard deviation of yaw is that of
    the turn about the vertical.

    Args:
        manifold: space of the poses.
        covariance: (..., B, D, D) of a tangent step, such as `PnPSolution.pose_cov`.
    """
    _check_last("covariance", covariance, manifold.dof)
    by_step = metric_jacobian(manifold, covariance)
    return linear.product(linear.product(by_step, covariance), by_step.mT)


def tangent_covariance(manifold: PoseManifold, covariance: Tensor) -> Tensor:
    """Covariances (..., D, D) of a tangent step from those (..., 6, 6) in metres and radians.

    The inverse of `metric_covariance`; with yaw, what of the rotation is not about the vertical
    is left out.
    """
    _check_last("covariance", covariance, 6)
    by_metric = torch.linalg.pinv(metric_jacobian(manifold, covariance))
    return linear.product(linear.product(by_metric, covariance), by_metric.mT)


def metric_jacobian(manifold: PoseManifold, like: Tensor) -> Tensor:
    """Translation and rotation vector by a tangent step, (6, D) or (B, 6, D)."""
    axes = turn_axes(manifold, like)
    upper = torch.eye(3, manifold.dof, dtype=like.dtype, device=like.device)
    lower = torch.nn.functional.pad(axes.mT, (3, 0))
    return torch.cat((upper.expand(*lower.shape[:-2], 3, manifold.dof), lower), dim=-2)


def _closest_yaw(manifold: YawPose, rotation: Tensor) -> Tensor:
    """Yaw (...,) in [-pi, pi) of the closest rotation about the vertical."""
    if manifold.gravity is not None:
        rotation = linear.product(manifold.gravity.to(rotation), rotation)
    sine = rotation[..., 0, 2] - rotation[..., 2, 0]
    cosine = rotation[..., 0, 0] + rotation[..., 2, 2]
    return wrap_angle(torch.atan2(sine, cosine))


def _check_last(name: str, tensor: Tensor, size: int) -> None:
    check_floating(name, tensor)
    if tensor.dim() < 1 or tensor.shape[-1] != size:
        raise ValueError(f"{name} must be (..., {size}), got {tuple(tensor.shape)}")
