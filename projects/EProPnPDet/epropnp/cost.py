"""Costs of poses: what the solver, the sampler and the loss know, and the reprojection cost.

Everything outside this file sees `PoseCost` only, so another problem (see `registration`) shares
all of it by adding a cost. The negated cost is the log of an unnormalised pose density.

Source: EPro-PnP (arXiv 2203.13254), equations 1 and 3.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from epropnp.camera import PerspectiveCamera
from epropnp.kernels import Kernel
from epropnp.manifolds import PoseManifold


class Linearization(NamedTuple):
    """A cost to first order in the tangent space; robust kernels are already in it.

    Attributes:
        residual: (..., B, M).
        jacobian: (..., B, M, D), derivative of the residual by a tangent step.
        value: (..., B) cost.
    """

    residual: Tensor
    jacobian: Tensor
    value: Tensor

    def normal_equations(self) -> tuple[Tensor, Tensor]:
        """J^T J (..., B, D, D) and J^T r (..., B, D)."""
        transposed = self.jacobian.mT
        gradient = (transposed @ self.residual.unsqueeze(-1)).squeeze(-1)
        return transposed @ self.jacobian, gradient


class PoseCost(Protocol):
    """Negative log density of poses, as a sum of squares under a robust kernel."""

    manifold: PoseManifold
    num_residuals: int  # M

    def value(self, pose: Tensor) -> Tensor:
        """Cost (..., B) of poses (..., B, P), differentiable in `parameters` and the pose."""
        ...

    def linearize(self, pose: Tensor) -> Linearization:
        """Residual and Jacobian at poses (..., B, P) of the batch shape of the cost."""
        ...

    def parameters(self) -> tuple[Tensor, ...]:
        """Tensors the cost depends on and that may need a gradient."""
        ...

    def with_parameters(self, parameters: tuple[Tensor, ...]) -> "PoseCost":
        """The same cost with other tensors in place of `parameters`."""
        ...


@dataclass(frozen=True, eq=False)
class ReprojectionCost:
    """Weighted reprojection error of 2D-3D correspondences.

    Tensors hold coordinates first, the layout the camera computes in; `from_correspondences`
    takes the usual one. Leading axes beside B (random subsets) are allowed.

    Attributes:
        points_obj: (..., B, 3, n), object frame, metres.
        points_2d: (..., B, 2, n), pixels.
        weights: (..., B, 2, n), not negative, per pixel.
        camera: bound camera.
        kernel: robust kernel of the squared weighted error of a point.
        manifold: space of the poses.
    """

    points_obj: Tensor
    points_2d: Tensor
    weights: Tensor
    camera: PerspectiveCamera
    kernel: Kernel
    manifold: PoseManifold

    @classmethod
    def from_correspondences(
        cls,
        x3d: Tensor,
        x2d: Tensor,
        w2d: Tensor,
        camera: PerspectiveCamera,
        kernel: Kernel,
        manifold: PoseManifold,
    ) -> "ReprojectionCost":
        """Cost of points x3d (B, n, 3), x2d (B, n, 2) with weights w2d (B, n, 2)."""
        rows = (tensor.mT.contiguous() for tensor in (x3d, x2d, w2d))
        return cls(*rows, camera, kernel, manifold)

    @property
    def num_residuals(self) -> int:
        """Two per point."""
        return 2 * self.points_2d.shape[-1]

    def value(self, pose: Tensor) -> Tensor:
        """See `PoseCost.value`."""
        intrinsics = self.camera.cam_mats
        matrix = intrinsics @ self.manifold.rotation_matrix(pose)
        offset = (intrinsics @ pose[..., :3, None]).squeeze(-1)
        uv, _ = self.camera.dehomogenize(_affine(matrix, offset, self.points_obj))
        error = (uv - self.points_2d) * self.weights
        return self.kernel.value(_squared_norm(error)).sum(-1)

    def linearize(self, pose: Tensor) -> Linearization:
        """See `PoseCost.linearize`; residuals are all x, then all y."""
        rotated = self.manifold.rotation_matrix(pose) @ self.points_obj
        points_cam = rotated + pose[..., :3, None]
        pixels = self.camera.dehomogenize(self.camera.cam_mats @ points_cam)
        error = (pixels.uv - self.points_2d) * self.weights
        squared = _squared_norm(error)

        factor = self.kernel.root_weight(squared).unsqueeze(-2)
        by_camera = self.camera.jacobian(pixels) * (self.weights * factor).unsqueeze(-2)
        by_rotation = self.manifold.turn_gradient(rotated, by_camera)
        by_step = torch.cat((by_camera.transpose(-3, -2), by_rotation), dim=-3)  # (..., D, 2, n)
        return Linearization(
            (error * factor).flatten(-2), by_step.flatten(-2).mT, self.kernel.value(squared).sum(-1)
        )

    def parameters(self) -> tuple[Tensor, ...]:
        """See `PoseCost.parameters`."""
        return (
            self.points_obj,
            self.points_2d,
            self.weights,
            self.camera.cam_mats,
            *self.kernel.parameters(),
        )

    def with_parameters(self, parameters: tuple[Tensor, ...]) -> "ReprojectionCost":
        """See `PoseCost.with_parameters`."""
        points_obj, points_2d, weights, cam_mats, *kernel = parameters
        return replace(
            self,
            points_obj=points_obj,
            points_2d=points_2d,
            weights=weights,
            camera=self.camera.with_intrinsics(cam_mats),
            kernel=self.kernel.with_parameters(tuple(kernel)),
        )

    def subset(self, index: Tensor) -> "ReprojectionCost":
        """Cost of chosen points only, index (Q, B, k); the kernel stays that of all points."""

        def pick(rows: Tensor) -> Tensor:
            coordinates = rows.shape[-2]
            rows = rows.expand(len(index), *rows.shape)
            return rows.gather(-1, index.unsqueeze(-2).expand(-1, -1, coordinates, -1))

        return replace(
            self,
            points_obj=pick(self.points_obj),
            points_2d=pick(self.points_2d),
            weights=pick(self.weights),
        )

    def unclipped(self) -> "ReprojectionCost":
        """The same cost, linearised as if no projection were clipped."""
        return replace(self, camera=replace(self.camera, clip_jacobian=False))

    def with_points(self, points_obj: Tensor) -> "ReprojectionCost":
        """The same cost with other object points (..., B, 3, n)."""
        return replace(self, points_obj=points_obj)


def _squared_norm(vectors: Tensor) -> Tensor:
    """Squared length (..., n) of vectors (..., 2, n)."""
    x, y = vectors.unbind(-2)
    return x * x + y * y


def _affine(matrix: Tensor, offset: Tensor, points: Tensor) -> Tensor:
    """Points (..., B, 3, n) under maps (S, ..., B, 3, 3) and offsets (S, ..., B, 3).

    The maps of all samples of an object are stacked into one tall matrix: one product per object,
    and the points are not copied per sample. The result (S, ..., B, 3, n) is a view of memory
    ordered B, S, 3, n.
    """
    if matrix.dim() == points.dim():
        return matrix @ points + offset.unsqueeze(-1)
    samples = matrix.shape[: matrix.dim() - points.dim()]
    matrix, offset = matrix.flatten(0, len(samples) - 1), offset.flatten(0, len(samples) - 1)
    tall = matrix.movedim(0, -3).flatten(-3, -2)
    stacked = (tall @ points).unflatten(-2, (len(matrix), 3))
    mapped = stacked + offset.movedim(0, -2).unsqueeze(-1)
    return mapped.movedim(-3, 0).unflatten(0, samples)
