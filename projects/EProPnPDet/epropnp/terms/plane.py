"""A point of the object lies on a known plane: it stands on the ground, or its height is known."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from epropnp import linear
from epropnp.arguments import check_floating
from epropnp.cost import LeastSquaresCost, Linearization
from epropnp.manifolds import PoseManifold


@dataclass(frozen=True, eq=False)
class PlaneCost(LeastSquaresCost):
    """Half the squared distance of a point of the object from a plane, in standard deviations.

    Attributes:
        point_obj: (B, 3) object frame, metres, such as the middle of the bottom.
        normal: (B, 3) unit normal of the plane, camera frame.
        offset: (B,) metres: the plane is where ``normal . x = offset``.
        weight: (B,) not negative, per metre: one over the standard deviation.
        manifold: space of the poses.
    """

    point_obj: Tensor
    normal: Tensor
    offset: Tensor
    weight: Tensor
    manifold: PoseManifold

    @classmethod
    def ground(
        cls,
        point_obj: Tensor,
        height: float | Tensor,
        deviation: float | Tensor,
        manifold: PoseManifold,
        gravity: Tensor | None = None,
    ) -> "PlaneCost":
        """The point is so far below the camera: on the ground, for the height of the camera.

        An object with a number that is not finite gets no such term.

        Args:
            point_obj: (B, 3) object frame, metres.
            height: of the camera above the point, metres, a number or (B,); negative if the point
                is higher.
            deviation: standard deviation of the height, metres, a positive number or (B,).
            manifold: space of the poses.
            gravity: (3, 3) or (B, 3, 3) rotation from the camera to a gravity-aligned frame (y
                down); that of the manifold if None, and the camera's y axis if it has none.

        Raises:
            TypeError: arguments that are not floating-point tensors.
            ValueError: shapes that do not fit.
        """
        check_floating("point_obj", point_obj)
        gravity = getattr(manifold, "gravity", None) if gravity is None else gravity
        if gravity is None:
            gravity = torch.eye(3, dtype=point_obj.dtype, device=point_obj.device)
        return cls.from_plane(point_obj, gravity[..., 1, :], height, deviation, manifold)

    @classmethod
    def from_plane(
        cls,
        point_obj: Tensor,
        normal: Tensor,
        offset: float | Tensor,
        deviation: float | Tensor,
        manifold: PoseManifold,
    ) -> "PlaneCost":
        """The point lies on the plane ``normal . x = offset`` of the camera frame.

        An object with a number that is not finite gets no such term.

        Args:
            point_obj: (B, 3) object frame, metres.
            normal: (B, 3) or (3,) unit normal, camera frame.
            offset: metres, a number or (B,).
            deviation: standard deviation of the distance, metres, a positive number or (B,).
            manifold: space of the poses.

        Raises:
            TypeError: arguments that are not floating-point tensors.
            ValueError: shapes that do not fit.
        """
        check_floating("point_obj", point_obj)
        check_floating("normal", normal)
        if point_obj.dim() != 2 or point_obj.shape[-1] != 3:
            raise ValueError(f"point_obj must be (objects, 3), got {tuple(point_obj.shape)}")
        num = len(point_obj)
        weight = torch.as_tensor(deviation).to(point_obj).reciprocal()
        tensors = {"normal": normal.to(point_obj), "offset": torch.as_tensor(offset).to(point_obj)}
        expected = {"normal": ((num, 3), (3,)), "offset": ((num,), ())}
        for name, tensor in tensors.items():
            if tensor.shape not in expected[name]:
                raise ValueError(
                    f"{name} must be {expected[name][0]} to fit point_obj, "
                    f"got {tuple(tensor.shape)}"
                )
        if weight.shape not in ((), (num,)):
            raise ValueError(f"deviation must be a number or ({num},), got {tuple(weight.shape)}")
        normal, offset = tensors["normal"].expand(num, 3), tensors["offset"].expand(num)
        weight = weight.expand(num)
        rows = torch.cat((point_obj, normal, offset[:, None], weight[:, None]), dim=1)
        finite = rows.isfinite().all(1, keepdim=True)
        rows = torch.where(finite, rows, 0.0)
        return cls(rows[:, :3], rows[:, 3:6], rows[:, 6], rows[:, 7], manifold)

    @property
    def num_residuals(self) -> int:
        """The distance."""
        return 1

    def value(self, pose: Tensor) -> Tensor:
        """See `PoseCost.value`."""
        return 0.5 * self._residual(pose, self._rotated(pose)).square()

    def linearize(self, pose: Tensor) -> Linearization:
        """See `LeastSquaresCost.linearize`."""
        rotated = self._rotated(pose)
        residual = self._residual(pose, rotated)
        row = (self.normal * self.weight.unsqueeze(-1)).expand_as(rotated)
        by_turn = self.manifold.turn_gradient(rotated.unsqueeze(-1), row[..., None, :, None])
        jacobian = torch.cat((row.unsqueeze(-2), by_turn.squeeze(-1).mT), dim=-1)
        return Linearization(residual.unsqueeze(-1), jacobian, 0.5 * residual.square())

    def center(self) -> Tensor:
        """See `MovableCost.center`: no opinion, the origin."""
        return torch.zeros_like(self.point_obj)

    def moved(self, origin: Tensor) -> "PlaneCost":
        """See `MovableCost.moved`."""
        return replace(self, point_obj=self.point_obj - origin)

    def _rotated(self, pose: Tensor) -> Tensor:
        return linear.apply(self.manifold.rotation_matrix(pose), self.point_obj)

    def _residual(self, pose: Tensor, rotated: Tensor) -> Tensor:
        distance = ((rotated + pose[..., :3]) * self.normal).sum(-1) - self.offset
        return distance * self.weight
