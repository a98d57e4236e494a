"""Cameras with lens distortion: the five-parameter model of OpenCV, with its analytic Jacobian.

For images that are not rectified. Distortion moves a point (x, y) of the plane z = 1 at radius r to

    x (1 + k1 r^2 + k2 r^4 + k3 r^6) + 2 p1 x y + p2 (r^2 + 2 x^2)
    y (1 + k1 r^2 + k2 r^4 + k3 r^6) + p1 (r^2 + 2 y^2) + 2 p2 x y

before the intrinsics are applied. The model is a fit to what the sensor saw. Beyond, its polynomial
may turn round and fold points from far outside back into the image; here they stop at the radius
where it turns, and have no derivative, as other clipped points.

Source: Brown, "Decentering distortion of lenses" (1966); OpenCV, calib3d.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from epropnp import linear
from epropnp.arguments import check_floating
from epropnp.camera import Bound, PerspectiveCamera

MAX_RADIUS = 100.0  # on the plane z = 1 (89.4 degrees off the axis), where r^7 is a safe number
TURN_RADII = 256  # at which the radial polynomial is looked at, up to...
TURN_SEARCH = 4.0  # ...this radius, 76 degrees off the axis: no lens of this model sees further
UNDISTORT_STEPS = 10  # of Newton; four give full precision inside usual images


class DistortedPixels(NamedTuple):
    """Projected points.

    Attributes:
        uv: (..., 2, n) pixels, clipped to the camera's bounds.
        depth: (..., 1, n) metres, clamped to the camera's ``z_min``.
        plane: (..., 2, n) undistorted points on the plane z = 1, not beyond the radius
            at which the model turns.
        inside: (..., 1, n) mask of points within that radius.
    """

    uv: Tensor
    depth: Tensor
    plane: Tensor
    inside: Tensor


@dataclass(frozen=True, eq=False)
class DistortedCamera(PerspectiveCamera):
    """Pinhole camera behind a lens: a `PerspectiveCamera` whose `bind` also takes distortion.

    Attributes:
        distortion: (B, 5, 1) or (5, 1) coefficients k1, k2, p1, p2, k3 in OpenCV's order.
    """

    leaf_axes: ClassVar[dict[str, int]] = {**PerspectiveCamera.leaf_axes, "distortion": 2}

    distortion: Tensor | None = None

    def bind(
        self,
        cam_mats: Tensor,
        img_shape: Tensor | None = None,
        *,
        distortion: Tensor,
        lb: Bound | None = None,
        ub: Bound | None = None,
        gravity: Tensor | None = None,
    ) -> "DistortedCamera":
        """Camera of B objects; see `PerspectiveCamera.bind` for the other arguments.

        Args:
            cam_mats: (B, 3, 3) or (3, 3) intrinsics, pixels.
            img_shape: (B, 2) or (2,) image height and width, pixels.
            distortion: (B, 5) or (5,) k1, k2, p1, p2, k3; (..., 4) has no k3.
            lb: explicit lower bound.
            ub: explicit upper bound.
            gravity: (3, 3) or (B, 3, 3) rotation from the camera to a gravity-aligned frame.

        Raises:
            TypeError: they are not floating-point tensors.
            ValueError: another number of coefficients, or as `PerspectiveCamera.bind`.
        """
        check_floating("cam_mats", cam_mats)
        check_floating("distortion", distortion)
        if distortion.dim() not in (1, 2) or distortion.shape[-1] not in (4, 5):
            raise ValueError(
                f"distortion must be (B, 5) or (5,): k1, k2, p1, p2, k3; got "
                f"{tuple(distortion.shape)}"
            )
        bound = super().bind(cam_mats, img_shape, lb=lb, ub=ub, gravity=gravity)
        distortion = torch.nn.functional.pad(distortion, (0, 5 - distortion.shape[-1]))
        return replace(bound, distortion=distortion.to(cam_mats).unsqueeze(-1))

    @property
    def projection(self) -> Tensor:
        """Identity (3, 3): `dehomogenize` takes points of the camera frame."""
        return torch.eye(3, dtype=self.cam_mats.dtype, device=self.cam_mats.device)

    def dehomogenize(self, homogeneous: Tensor) -> DistortedPixels:
        """Distort camera-frame points (..., 3, n), apply the intrinsics and clip."""
        depth = homogeneous[..., 2:, :].clamp(min=self.z_min)
        plane, inside = _shorten(homogeneous[..., :2, :] / depth, turning_radius(self.distortion))
        uv = linear.product(self.cam_mats[..., :2, :2], distort(plane, self.distortion))
        uv = uv + self.cam_mats[..., :2, 2:]
        if self.lower is not None:
            uv = torch.clamp(uv, self.lower, self.upper)
        return DistortedPixels(uv, depth, plane, inside)

    def jacobian(self, pixels: DistortedPixels) -> Tensor:
        """Derivatives (..., 2, 3, n) of clipped pixels by the camera-frame points.

        As `PerspectiveCamera.jacobian`; a point beyond the valid radius has a zero derivative.
        """
        inverse = pixels.depth.reciprocal()
        if self.clip_jacobian:
            inverse = inverse * self.free(pixels)
        bent = distortion_jacobian(pixels.plane, self.distortion)
        by_plane = linear.product(self.cam_mats[..., :2, :2], bent.flatten(-2))
        by_plane = by_plane.unflatten(-1, (2, -1))  # (..., 2, 2, n)
        radial = -(by_plane * pixels.plane.unsqueeze(-3)).sum(-2, keepdim=True)
        return torch.cat((by_plane, radial), dim=-2) * inverse.unsqueeze(-2)

    def free(self, pixels: DistortedPixels) -> Tensor:
        """Mask (..., 1 or 2, n) of coordinates that move with the point."""
        return super().free(pixels) & pixels.inside

    def rays(self, uv: Tensor) -> Tensor:
        """Back-project pixels (..., 2, n) to the plane z = 1, undistorted: (..., 2, n), metres."""
        return undistort(super().rays(uv), self.distortion)


def distort(plane: Tensor, distortion: Tensor) -> Tensor:
    """Points (..., 2, n) of the plane z = 1 where a lens (..., 5, 1) puts them, (..., 2, n)."""
    k1, k2, p1, p2, k3 = distortion.unbind(-2)  # (..., 1)
    x, y = plane.unbind(-2)
    squared = x * x + y * y
    radial = 1.0 + squared * (k1 + squared * (k2 + squared * k3))
    mixed = 2.0 * x * y
    return torch.stack(
        (
            x * radial + p1 * mixed + p2 * (squared + 2.0 * x * x),
            y * radial + p1 * (squared + 2.0 * y * y) + p2 * mixed,
        ),
        dim=-2,
    )


def distortion_jacobian(plane: Tensor, distortion: Tensor) -> Tensor:
    """Derivatives (..., 2, 2, n) of `distort` by the points (..., 2, n); symmetric."""
    k1, k2, p1, p2, k3 = distortion.unbind(-2)
    x, y = plane.unbind(-2)
    squared = x * x + y * y
    radial = 1.0 + squared * (k1 + squared * (k2 + squared * k3))
    slope = 2.0 * (k1 + squared * (2.0 * k2 + squared * 3.0 * k3))
    across = x * y * slope + 2.0 * (p1 * x + p2 * y)
    along_x = radial + x * x * slope + 2.0 * p1 * y + 6.0 * p2 * x
    along_y = radial + y * y * slope + 6.0 * p1 * y + 2.0 * p2 * x
    return torch.stack(
        (torch.stack((along_x, across), -2), torch.stack((across, along_y), -2)), dim=-3
    )


@torch.no_grad()
def turning_radius(distortion: Tensor) -> Tensor:
    """Radius (...,) on the plane z = 1 up to which the radial polynomial grows, for (..., 5, 1)."""
    k1, k2, _, _, k3 = distortion.unbind(-2)
    radii = torch.linspace(
        0.0, TURN_SEARCH, TURN_RADII, dtype=distortion.dtype, device=distortion.device
    )
    squared = radii.square()
    slope = 1.0 + squared * (3.0 * k1 + squared * (5.0 * k2 + squared * 7.0 * k3))
    turned = (slope <= 0).cumsum(-1) > 0
    last = torch.where(turned, 0.0, radii).amax(-1)
    return torch.where(turned.any(-1), last, MAX_RADIUS)


def undistort(bent: Tensor, distortion: Tensor) -> Tensor:
    """Points (..., 2, n) of the plane z = 1 which `distort` moves to given ones, by Newton steps.

    A point that the model does not reach ends somewhere inside the valid radius.
    """
    radius = turning_radius(distortion)
    plane, _ = _shorten(bent, radius)
    for _ in range(UNDISTORT_STEPS):
        (a, b), (_, d) = (
            row.unbind(-2) for row in distortion_jacobian(plane, distortion).unbind(-3)
        )
        ex, ey = (distort(plane, distortion) - bent).unbind(-2)
        determinant = a * d - b * b
        solvable = determinant.abs() > torch.finfo(plane.dtype).eps
        determinant = torch.where(solvable, determinant, torch.ones_like(determinant))
        step = torch.stack((d * ex - b * ey, a * ey - b * ex), dim=-2) / determinant.unsqueeze(-2)
        plane, _ = _shorten(plane - torch.where(solvable.unsqueeze(-2), step, 0.0), radius)
    return plane


def _shorten(plane: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:
    """Points (..., 2, n) not further from the axis than the radius (...,), and which were not."""
    radius = radius[..., None, None]
    squared = plane.square().sum(-2, keepdim=True)
    inside = squared < radius.square()
    length = torch.where(inside, torch.ones_like(squared), squared).sqrt()
    return torch.where(inside, plane, plane / length * radius), inside
