"""Spaces of poses: rotation matrices, tangent steps and random rotations.

A manifold is stateless about poses: poses are plain tensors (..., B, P), a step in the tangent
space is (..., B, D), and leading axes are samples. Translation comes first in both. Rotations are
driven by one rule for every manifold: a tangent step d turns the object about the columns of
`axes`, so the derivative of a rotated point r is ``axes x r``; yaw is rotation with one axis.

Source: EPro-PnP (arXiv 2203.13254), section 3.1 and the appendix on the PnP solver.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from epropnp import linear
from epropnp.record import Record

TINY_NORM = 1e-5  # a shorter quaternion has no direction worth keeping


class PoseManifold(Protocol):
    """What solver, sampler and costs need to know about a space of poses."""

    num_params: int  # P
    dof: int  # D

    def rotation_matrix(self, pose: Tensor) -> Tensor:
        """Rotation (..., 3, 3) from the object to the camera frame of poses (..., P)."""
        ...

    def turn_gradient(self, rotated: Tensor, gradient: Tensor) -> Tensor:
        """Chain derivatives by camera coordinates into derivatives by the rotation step.

        Args:
            rotated: (..., 3, n) points turned into the camera frame, not translated.
            gradient: (..., m, 3, n) derivatives of m numbers by the camera coordinates.

        Returns:
            (..., D - 3, m, n) derivatives by the rotation part of a tangent step.
        """
        ...

    def retract(self, pose: Tensor, step: Tensor) -> Tensor:
        """Poses (..., P) moved by tangent steps (..., D)."""
        ...

    def random_rotation(
        self, shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Uniform random rotation parameters (*shape, P - 3), dtype and device of ``like``."""
        ...

    def identity(self, like: Tensor) -> Tensor:
        """Pose (P,) of an unrotated object at the origin, dtype and device of ``like``."""
        ...

    def project(self, pose: Tensor) -> Tensor:
        """Nearest poses (..., P) of the manifold to numbers (..., P); NaN where there is none."""
        ...


def _cross(points: Tensor, rows: Tensor) -> Tensor:
    """Cross products (..., m, 3, n) of points (..., 3, n) with rows (..., m, 3, n)."""
    px, py, pz = points.unsqueeze(-3).unbind(-2)
    rx, ry, rz = rows.unbind(-2)
    return torch.stack((py * rz - pz * ry, pz * rx - px * rz, px * ry - py * rx), dim=-2)


@dataclass(frozen=True, eq=False)
class YawPose(Record):
    """Translation and heading: (x, y, z, yaw), metres and radians.

    Without `gravity` yaw turns about the camera's y axis, R = [[c, 0, s], [0, 1, 0], [-s, 0, c]],
    which assumes a camera without pitch and roll. With it yaw turns about the true vertical:
    R = gravity^T R(yaw), while translations stay in the camera frame.

    Attributes:
        gravity: (3, 3) or (B, 3, 3) rotation from the camera to a gravity-aligned frame (y down).
    """

    leaf_axes: ClassVar[dict[str, int]] = {"gravity": 2}

    gravity: Tensor | None = None
    num_params: int = 4
    dof: int = 4

    def rotation_matrix(self, pose: Tensor) -> Tensor:
        """See `PoseManifold.rotation_matrix`."""
        cos, sin = pose[..., 3].cos(), pose[..., 3].sin()
        zero, one = torch.zeros_like(cos), torch.ones_like(cos)
        flat = torch.stack((cos, zero, sin, zero, one, zero, -sin, zero, cos), dim=-1)
        rotation = flat.unflatten(-1, (3, 3))
        if self.gravity is None:
            return rotation
        return linear.product(self.gravity.to(rotation).mT, rotation)

    def turn_gradient(self, rotated: Tensor, gradient: Tensor) -> Tensor:
        """See `PoseManifold.turn_gradient`."""
        if self.gravity is None:
            x, z = rotated[..., None, 0, :], rotated[..., None, 2, :]
            turn = gradient[..., 0, :] * z - gradient[..., 2, :] * x
        else:
            vertical = self.gravity.to(rotated)[..., 1, :]  # the y axis seen by the camera
            turn = (_cross(rotated, gradient) * vertical[..., None, :, None]).sum(-2)
        return turn.unsqueeze(-3)

    def retract(self, pose: Tensor, step: Tensor) -> Tensor:
        """Add the step; yaw is not wrapped, so that poses stay comparable along an iteration."""
        return pose + step

    def random_rotation(
        self, shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Yaw (*shape, 1), uniform in [0, 2 pi)."""
        unit = torch.rand(shape, generator=generator, dtype=like.dtype, device=like.device)
        return (unit * (2.0 * torch.pi)).unsqueeze(-1)

    def identity(self, like: Tensor) -> Tensor:
        """See `PoseManifold.identity`."""
        return like.new_zeros(4)

    def project(self, pose: Tensor) -> Tensor:
        """See `PoseManifold.project`; all numbers are poses."""
        return pose


@dataclass(frozen=True)
class QuatPose(Record):
    """Translation and unit quaternion: (x, y, z, w, i, j, k), metres, real part first.

    A rotation step d moves the quaternion to normalise(q + M(q) d), where the columns of M span
    the tangent of the unit sphere at q. To first order it turns the object by -2 d (camera frame).
    """

    num_params: int = 7
    dof: int = 6

    def rotation_matrix(self, pose: Tensor) -> Tensor:
        """See `PoseManifold.rotation_matrix`; quaternions are taken as unit, not normalised."""
        w, i, j, k = pose[..., 3:].unbind(-1)
        ti, tj, tk = 2 * i, 2 * j, 2 * k
        flat = torch.stack(
            (
                1 - tj * j - tk * k, ti * j - tk * w, ti * k + tj * w,
                ti * j + tk * w, 1 - ti * i - tk * k, tj * k - ti * w,
                ti * k - tj * w, tj * k + ti * w, 1 - ti * i - tj * j,
            ),
            dim=-1,
        )  # fmt: skip
        return flat.unflatten(-1, (3, 3))

    def turn_gradient(self, rotated: Tensor, gradient: Tensor) -> Tensor:
        """See `PoseManifold.turn_gradient`."""
        return -2.0 * _cross(rotated, gradient).transpose(-3, -2)

    def retract(self, pose: Tensor, step: Tensor) -> Tensor:
        """See `PoseManifold.retract`."""
        tangent = quaternion_tangent(pose[..., 3:])
        moved = pose[..., 3:] + linear.apply(tangent, step[..., 3:])
        return torch.cat((pose[..., :3] + step[..., :3], normalize_quaternion(moved)), dim=-1)

    def random_rotation(
        self, shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Unit quaternions (*shape, 4), uniform over rotations."""
        normal = torch.randn((*shape, 4), generator=generator, dtype=like.dtype, device=like.device)
        return normalize_quaternion(normal)

    def identity(self, like: Tensor) -> Tensor:
        """See `PoseManifold.identity`."""
        return torch.eye(7, dtype=like.dtype, device=like.device)[3]

    def project(self, pose: Tensor) -> Tensor:
        """See `PoseManifold.project`: the quaternion gets unit length."""
        squared = pose[..., 3:].square().sum(-1, keepdim=True)
        known = torch.where(squared < TINY_NORM**2, torch.nan, squared)
        return torch.cat((pose[..., :3], pose[..., 3:] * known.rsqrt()), dim=-1)


def quaternion_tangent(quaternion: Tensor) -> Tensor:
    """Orthonormal basis M (..., 4, 3) of the tangent at unit quaternions (..., 4)."""
    w, i, j, k = quaternion.unbind(-1)
    return torch.stack((i, j, k, -w, -k, j, k, -w, -i, -j, i, -w), dim=-1).unflatten(-1, (4, 3))


def normalize_quaternion(quaternion: Tensor) -> Tensor:
    """Unit quaternions (..., 4); one too short to have a direction becomes the identity."""
    squared = quaternion.square().sum(-1, keepdim=True)
    short = squared < TINY_NORM**2
    identity = torch.eye(4, dtype=quaternion.dtype, device=quaternion.device)[0]
    return torch.where(
        short, identity, quaternion * torch.where(short, torch.ones_like(squared), squared).rsqrt()
    )
