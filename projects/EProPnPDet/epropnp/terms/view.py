"""One object seen by several cameras of a rig: costs of other cameras as costs of one pose."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from epropnp import linear
from epropnp.arguments import check_floating
from epropnp.conversions import rotation_to_quaternion
from epropnp.cost import NormalEquations, PoseCost, SubsetCost, weighted_gradient
from epropnp.manifolds import PoseManifold, QuatPose, YawPose
from epropnp.record import Record


@dataclass(frozen=True, eq=False)
class ViewedCost(Record):
    """A cost of poses in the frame of another camera, as a cost of poses in the reference frame.

    Attributes:
        cost: cost in the frame of the other camera.
        rotation: (B, 3, 3) or (3, 3) from the reference to the other camera.
        translation: (B, 3) or (3,) metres: X_other = rotation X_reference + translation.
        manifold: space of the poses in the reference frame.
    """

    cost: PoseCost
    rotation: Tensor
    translation: Tensor
    manifold: PoseManifold

    @classmethod
    def from_camera(
        cls, cost: PoseCost, rotation: Tensor, translation: Tensor, manifold: PoseManifold
    ) -> "ViewedCost":
        """Cost seen by a camera with known extrinsics.

        Args:
            cost: cost in the frame of that camera, a dataclass with a field ``manifold``. It is
                given the manifold of its camera: a yaw turns about the same vertical in all.
            rotation: (B, 3, 3) or (3, 3) from the reference to that camera.
            translation: (B, 3) or (3,) metres, of the same transform.
            manifold: `YawPose` or `QuatPose` of the poses in the reference frame.

        Raises:
            TypeError: arguments that are not floating-point tensors.
            ValueError: shapes that do not fit, or another manifold.
        """
        check_floating("rotation", rotation)
        check_floating("translation", translation)
        if rotation.dim() not in (2, 3) or rotation.shape[-2:] != (3, 3):
            raise ValueError(f"rotation must be (B, 3, 3) or (3, 3), got {tuple(rotation.shape)}")
        if translation.dim() not in (1, 2) or translation.shape[-1] != 3:
            raise ValueError(f"translation must be (B, 3) or (3,), got {tuple(translation.shape)}")
        return cls(
            replace(cost, manifold=_seen_from(manifold, rotation)), rotation, translation, manifold
        )

    @property
    def num_residuals(self) -> int:
        """Those of the cost."""
        return self.cost.num_residuals

    def value(self, pose: Tensor) -> Tensor:
        """See `PoseCost.value`."""
        return self.cost.value(self.seen(pose))

    def normal_equations(self, pose: Tensor) -> NormalEquations:
        """See `PoseCost.normal_equations`."""
        value, gradient, hessian = self.cost.normal_equations(self.seen(pose))
        change = self._by_step()
        gradient = linear.apply(change.mT, gradient)
        return NormalEquations(
            value, gradient, linear.product(change.mT, linear.product(hessian, change))
        )

    def weighted_gradient(
        self, poses: Tensor, weights: Tensor, names: Collection[str]
    ) -> Mapping[str, Tensor]:
        """See `PoseCost.weighted_gradient`."""
        return weighted_gradient(self, poses, weights, names)

    def seen(self, pose: Tensor) -> Tensor:
        """Poses (..., B, P) in the frame of the other camera."""
        translation = linear.apply(self.rotation, pose[..., :3]) + self.translation
        turn = pose[..., 3:]
        if self.manifold.dof == 6:
            turn = _quaternion_product(rotation_to_quaternion(self.rotation), turn)
        return torch.cat((translation, turn), dim=-1)

    def clipped(self, pose: Tensor) -> tuple[Tensor, Tensor]:
        """See `ReprojectionCost.clipped`."""
        if hasattr(self.cost, "clipped"):
            return self.cost.clipped(self.seen(pose))
        return torch.zeros_like(pose[..., 0]), torch.zeros_like(pose[..., 0])

    def point_weights(self) -> Tensor:
        """See `SubsetCost.point_weights`."""
        return self._points().point_weights()

    def subset(self, index: Tensor) -> "ViewedCost":
        """See `SubsetCost.subset`."""
        return replace(self, cost=self._points().subset(index))

    def rough_translation(self) -> Tensor:
        """See `SubsetCost.rough_translation`."""
        seen = self._points().rough_translation()
        return linear.apply(self.rotation.mT, seen - self.translation)

    def center(self) -> Tensor:
        """See `MovableCost.center`."""
        return self.cost.center()

    def moved(self, origin: Tensor) -> "ViewedCost":
        """See `MovableCost.moved`."""
        return replace(self, cost=self.cost.moved(origin))

    def _points(self) -> SubsetCost:
        return self.cost

    def _by_step(self) -> Tensor:
        """Steps of the seen pose by steps of the pose, (D, D) or (B, D, D)."""
        size = self.manifold.dof - 3
        turn = self.rotation if size == 3 else torch.ones_like(self.rotation[..., :1, :1])
        upper = torch.nn.functional.pad(self.rotation, (0, size))
        return torch.cat((upper, torch.nn.functional.pad(turn, (3, 0))), dim=-2)


def _seen_from(manifold: PoseManifold, rotation: Tensor) -> PoseManifold:
    """Manifold of the poses in the frame of a camera with this rotation from the reference."""
    if isinstance(manifold, QuatPose):
        return manifold
    if isinstance(manifold, YawPose):
        gravity = rotation.mT
        if manifold.gravity is not None:
            gravity = linear.product(manifold.gravity.to(rotation), gravity)
        return replace(manifold, gravity=gravity)
    raise ValueError(f"no view of poses of {type(manifold).__name__}")


def _quaternion_product(left: Tensor, right: Tensor) -> Tensor:
    """Quaternion (..., 4) of a rotation after another, real part first."""
    a, b = left[..., :1], right[..., :1]
    u, v = left[..., 1:].expand_as(right[..., 1:]), right[..., 1:]
    real = a * b - (u * v).sum(-1, keepdim=True)
    return torch.cat((real, a * v + b * u + torch.linalg.cross(u, v)), dim=-1)
