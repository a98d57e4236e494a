"""Perspective cameras: projection, its clipping, and the analytic Jacobian.

Points are handled coordinates first, (..., 3, n) and (..., 2, n), the layout in which every
operation runs along contiguous memory. `PerspectiveCamera.project` is the (..., n, 3) form.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from epropnp import linear
from epropnp.arguments import check_flag, check_floating, check_number
from epropnp.record import Record

Bound = float | Tensor


class Pixels(NamedTuple):
    """Projected points.

    Attributes:
        uv: (..., 2, n) pixels, clipped to the camera's bounds.
        depth: (..., 1, n) metres, clamped to the camera's ``z_min``.
    """

    uv: Tensor
    depth: Tensor


@dataclass(frozen=True, eq=False)
class PerspectiveCamera(Record):
    """Pinhole camera: settings, and after `bind` the intrinsics of B objects.

    Attributes:
        z_min: metres; nearer points and points behind the camera are projected at this depth.
        allowed_border: pixels a projection may leave an image of known shape before it is clipped.
        integer_centers: pixel (0, 0) is centred at (0, 0) instead of (0.5, 0.5), which moves the
            bounds derived from an image shape by half a pixel.
        clip_jacobian: a clipped coordinate has a zero derivative, as it should. False keeps the
            derivative of the unclipped projection (the published "fast mode").
        cam_mats: (B, 3, 3) intrinsics with last row (0, 0, 1).
        gravity: (3, 3) or (B, 3, 3) rotation from the camera to a gravity-aligned frame, for
            cameras with pitch or roll; see `epropnp.manifolds.YawPose`.
        lower: (..., 2, 1) lowest pixel coordinates, or None.
        upper: (..., 2, 1) highest pixel coordinates, or None.
    """

    leaf_axes: ClassVar[dict[str, int]] = {"cam_mats": 2, "gravity": 2, "lower": 2, "upper": 2}

    z_min: float = 0.1
    allowed_border: float = 200.0
    integer_centers: bool = False
    clip_jacobian: bool = True
    cam_mats: Tensor | None = None
    gravity: Tensor | None = None
    lower: Tensor | None = None
    upper: Tensor | None = None

    def bind(
        self,
        cam_mats: Tensor,
        img_shape: Tensor | None = None,
        *,
        lb: Bound | None = None,
        ub: Bound | None = None,
        gravity: Tensor | None = None,
    ) -> "PerspectiveCamera":
        """Camera of B objects.

        Args:
            cam_mats: (B, 3, 3) or (3, 3) intrinsics, pixels.
            img_shape: (B, 2) or (2,) image height and width, pixels: projections are clipped
                `allowed_border` outside the image.
            lb: explicit lower bound instead, a number or (B, 2) in x, y order.
            ub: explicit upper bound, likewise.
            gravity: (3, 3) or (B, 3, 3) rotation from the camera to a gravity-aligned frame.

        Raises:
            TypeError: arguments or settings of the camera of the wrong kind.
            ValueError: shapes that do not fit, both kinds of bounds, half of one, or a setting that
                is too small.
        """
        self._check_settings()
        _check_matrices("cam_mats", cam_mats)
        if gravity is not None:
            _check_matrices("gravity", gravity)
        if (lb is None) != (ub is None):
            raise ValueError("give both lb and ub, or neither")
        if img_shape is not None and lb is not None:
            raise ValueError("give bounds either by img_shape or by lb and ub, not by both")
        if img_shape is not None:
            rows = _as_rows("img_shape", img_shape, cam_mats)
            size = rows.squeeze(-1).flip(-1)  # (h, w) -> (w, h)
            shift = 0.5 if self.integer_centers else 0.0
            lb = torch.zeros_like(size) - self.allowed_border - shift
            ub = size + self.allowed_border - shift
        return replace(
            self,
            cam_mats=cam_mats,
            gravity=gravity,
            lower=None if lb is None else _as_rows("lb", lb, cam_mats),
            upper=None if ub is None else _as_rows("ub", ub, cam_mats),
        )

    def _check_settings(self) -> None:
        """Refuse a setting that is none; ``z_min`` is a divisor."""
        check_number("z_min", self.z_min)
        if not self.z_min > 0:
            raise ValueError(f"z_min must be above zero, got {self.z_min}")
        check_number("allowed_border", self.allowed_border)
        check_flag("integer_centers", self.integer_centers)
        check_flag("clip_jacobian", self.clip_jacobian)

    def to(self, like: Tensor) -> "PerspectiveCamera":
        """Bound camera with the dtype and device of ``like``."""
        return self.with_leaves({name: leaf.to(like) for name, leaf in self.leaves().items()})

    def project(self, points_cam: Tensor) -> Tensor:
        """Clipped pixels (..., n, 2) of camera-frame points (..., n, 3), metres."""
        return self.dehomogenize(linear.product(self.projection, points_cam.mT)).uv.mT

    @property
    def projection(self) -> Tensor:
        """Linear part of the projection: what `dehomogenize` takes, of a camera-frame point."""
        return self.cam_mats

    def dehomogenize(self, homogeneous: Tensor) -> Pixels:
        """Divide ``K p`` (..., 3, n) by its depth and clip."""
        depth = homogeneous[..., 2:, :].clamp(min=self.z_min)
        uv = homogeneous[..., :2, :] / depth
        if self.lower is not None:
            uv = torch.clamp(uv, self.lower, self.upper)
        return Pixels(uv, depth)

    def jacobian(self, pixels: Pixels) -> Tensor:
        """Derivatives (..., 2, 3, n) of clipped pixels by the camera-frame points.

        Row u is (K[u, 0], K[u, 1], K[u, 2] - u) / z at the clipped pixel u and clamped depth z.
        Unless `clip_jacobian` is False, a coordinate on a bound has a zero row, and so has a point
        at ``z_min``: at that depth its pixel still moves with it, by a focal length per ``z_min``,
        which says nothing of where the object should go.
        """
        uv, depth = pixels.uv, pixels.depth
        inverse = depth.reciprocal()
        if self.clip_jacobian:
            inverse = inverse * self.free(pixels)
        planar = self.cam_mats[..., :2, :2].unsqueeze(-1) * inverse.unsqueeze(-2)
        radial = (self.cam_mats[..., :2, 2:] - uv) * inverse
        return torch.cat((planar.expand(*uv.shape[:-1], 2, -1), radial.unsqueeze(-2)), dim=-2)

    def free(self, pixels: Pixels) -> Tensor:
        """Mask (..., 1 or 2, n) of coordinates that move with the point."""
        uv, depth = pixels.uv, pixels.depth
        free = depth > self.z_min
        if self.lower is not None:
            free = free & (uv > self.lower) & (uv < self.upper)
        return free

    def rays(self, uv: Tensor) -> Tensor:
        """Back-project pixels (..., 2, n) to the plane z = 1 of the camera: (..., 2, n), metres."""
        (a, b), (c, d) = (row.unbind(-1) for row in self.cam_mats[..., :2, :2].unbind(-2))
        determinant = a * d - b * c
        determinant = torch.where(determinant == 0, torch.ones_like(determinant), determinant)
        inverse = torch.stack((d, -b, -c, a), dim=-1).unflatten(-1, (2, 2))
        inverse = inverse / determinant[..., None, None]
        return linear.product(inverse, uv - self.cam_mats[..., :2, 2:])


def _check_matrices(name: str, value: Tensor) -> None:
    """Refuse what is not (3, 3) or (B, 3, 3)."""
    check_floating(name, value)
    if value.dim() not in (2, 3) or value.shape[-2:] != (3, 3):
        raise ValueError(f"{name} must be (B, 3, 3) or (3, 3), got {tuple(value.shape)}")


def _as_rows(name: str, bound: Bound, like: Tensor) -> Tensor:
    """A bound, number, (2,) or (B, 2), as (2, 1) or (B, 2, 1)."""
    try:
        tensor = torch.as_tensor(bound)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} must be numbers, got {type(bound).__name__}") from error
    if tensor.is_complex():
        raise TypeError(f"{name} must hold real numbers, got {tensor.dtype}")
    if tensor.dim() == 0:
        tensor = tensor.expand(2)
    if tensor.dim() > 2 or tensor.shape[-1] != 2:
        raise ValueError(f"{name} must be (B, 2) or (2,), got {tuple(tensor.shape)}")
    return tensor.to(like).unsqueeze(-1)
