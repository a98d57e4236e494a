"""The cost of pose estimation from points: weighted reprojection error.

Source: EPro-PnP (arXiv 2203.13254), equation 1 and the appendices on the solver's start.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from epropnp import linear
from epropnp.camera import PerspectiveCamera
from epropnp.cost import LeastSquaresCost, Linearization
from epropnp.kernels import Kernel, has_weight, mean_of_used, moments_of_used
from epropnp.manifolds import PoseManifold

TINY = 1e-6  # published floor of the image spread, on the plane z = 1


@dataclass(frozen=True, eq=False)
class ReprojectionCost(LeastSquaresCost):
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
        every_point: points without a weight count in `rough_translation` and `center` too.
    """

    points_obj: Tensor
    points_2d: Tensor
    weights: Tensor
    camera: PerspectiveCamera
    kernel: Kernel
    manifold: PoseManifold
    every_point: bool = False

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
        projection = self.camera.projection
        matrix = linear.product(projection, self.manifold.rotation_matrix(pose))
        offset = linear.apply(projection, pose[..., :3])
        pixels = self.camera.dehomogenize(_affine(matrix, offset, self.points_obj))
        error = (pixels.uv - self.points_2d) * self.weights
        return self.kernel.value(_squared_norm(error)).sum(-1)

    def linearize(self, pose: Tensor) -> Linearization:
        """See `LeastSquaresCost.linearize`; residuals are all x, then all y."""
        rotated = linear.product(self.manifold.rotation_matrix(pose), self.points_obj)
        points_cam = rotated + pose[..., :3, None]
        pixels = self.camera.dehomogenize(linear.product(self.camera.projection, points_cam))
        error = (pixels.uv - self.points_2d) * self.weights
        squared = _squared_norm(error)

        factor = self.kernel.root_weight(squared).unsqueeze(-2)
        by_camera = self.camera.jacobian(pixels) * (self.weights * factor).unsqueeze(-2)
        by_rotation = self.manifold.turn_gradient(rotated, by_camera)
        by_step = torch.cat((by_camera.transpose(-3, -2), by_rotation), dim=-3)  # (..., D, 2, n)
        return Linearization(
            (error * factor).flatten(-2), by_step.flatten(-2).mT, self.kernel.value(squared).sum(-1)
        )

    def point_weights(self) -> Tensor:
        """See `SubsetCost.point_weights`."""
        return self.weights.mean(-2)

    def subset(self, index: Tensor) -> "ReprojectionCost":
        """See `SubsetCost.subset`; the kernel stays that of all points."""

        def pick(rows: Tensor) -> Tensor:
            coordinates = rows.shape[-2]
            rows = torch.nn.functional.pad(rows, (0, 1))  # no point: zeros, and no weight
            rows = rows.expand(len(index), *rows.shape)
            return rows.gather(-1, index.unsqueeze(-2).expand(-1, -1, coordinates, -1))

        return replace(
            self,
            points_obj=pick(self.points_obj),
            points_2d=pick(self.points_2d),
            weights=pick(self.weights),
        )

    def rough_translation(self) -> Tensor:
        """Translation (B, 3) from the image position and the size of the point cloud, metres.

        Depth is object size over image size: the height for a yaw pose, whose vertical extent does
        not change with rotation, and the overall extent otherwise.
        """
        rays, used = self.camera.rays(self.points_2d), self._used()
        center, extent_image = _moments(rays, used)
        _, extent_obj = _moments(self.points_obj, used)
        if self.manifold.dof == 4:
            depth = extent_obj[..., 1] / extent_image[..., 1].clamp(min=TINY)
        else:
            diagonal = (2.0 / 3.0) ** 0.5 * extent_obj.norm(dim=-1)
            depth = diagonal / extent_image.norm(dim=-1).clamp(min=TINY)
        return torch.cat((center, torch.ones_like(center[..., :1])), dim=-1) * depth.unsqueeze(-1)

    def clipped(self, pose: Tensor) -> tuple[Tensor, Tensor]:
        """How many points (..., B) with a weight are clipped at poses (..., B, P), and of how many.

        Clipped points are behind the camera or far out of the image and have no derivative.
        """
        points_cam = linear.product(self.manifold.rotation_matrix(pose), self.points_obj)
        points_cam = linear.product(self.camera.projection, points_cam + pose[..., :3, None])
        free = self.camera.free(self.camera.dehomogenize(points_cam)).all(-2, keepdim=True)
        used = self._used()
        return (used & ~free).sum((-2, -1)), used.sum((-2, -1))

    def center(self) -> Tensor:
        """See `MovableCost.center`: the mean of the object points that count."""
        share = self._used().to(self.points_obj.dtype)
        return mean_of_used(self.points_obj.detach(), share, share.sum(-1))

    def moved(self, origin: Tensor) -> "ReprojectionCost":
        """See `MovableCost.moved`."""
        return replace(self, points_obj=self.points_obj - origin.unsqueeze(-1))

    def _used(self) -> Tensor:
        """Mask (..., 1, n) of the points that count in statistics."""
        used = has_weight(self.weights.detach().mT).unsqueeze(-2)
        return torch.ones_like(used) if self.every_point else used

    def unclipped(self) -> "ReprojectionCost":
        """The same cost, linearised as if no projection were clipped."""
        return replace(self, camera=replace(self.camera, clip_jacobian=False))


def _moments(points: Tensor, used: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and unbiased standard deviation (..., k) of the used (..., 1, n) of points (..., k, n).

    The deviation of a single point is zero.
    """
    share = used.to(points.dtype)
    num = share.sum(-1)
    mean, squares = moments_of_used(points, share, num)
    return mean, (squares / (num - 1.0).clamp(min=1.0)).sqrt()


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
        return linear.product(matrix, points) + offset.unsqueeze(-1)
    samples = matrix.shape[: matrix.dim() - points.dim()]
    matrix, offset = matrix.flatten(0, len(samples) - 1), offset.flatten(0, len(samples) - 1)
    tall = matrix.movedim(0, -3).flatten(-3, -2)
    stacked = linear.product(tall, points).unflatten(-2, (len(matrix), 3))
    mapped = stacked + offset.movedim(0, -2).unsqueeze(-1)
    return mapped.movedim(-3, 0).unflatten(0, samples)
