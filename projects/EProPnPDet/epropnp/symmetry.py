"""Objects that look the same in several poses: losses for a set of equally true poses.

A symmetric object comes with one of its equivalent poses as label, and which one cannot be seen. A
loss for that one label asks for a choice the image does not decide; what minimises it on average is
a compromise between the choices, points drawn to the axis of symmetry. The density of the set, the
sum over its poses, asks for no choice:

    loss = -log of the sum over equivalent poses of the density
         = -log sum exp(-cost(pose_e)) + log of the integral of exp(-cost)

Continuous symmetries are given by a set of rotations, close enough together for the accuracy aimed
at (`Symmetry.about` with some tens of them).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from epropnp import linear
from epropnp.conversions import matrix_to_pose
from epropnp.cost import PoseCost
from epropnp.losses import monte_carlo_pose_loss
from epropnp.manifolds import PoseManifold, QuatPose

ORTHOGONAL = 1e-4  # largest entry of R^T R - I, and height of a unit vector turned about y


@dataclass(frozen=True, eq=False)
class Symmetry:
    """Transforms of the object frame after which the object looks the same.

    Attributes:
        transforms: (E, 4, 4), or (E, B, 4, 4) for objects of different kinds, the identity among
            them.
        exists: (E, B) mask of those that count, where objects have different numbers of them; all
            if None.
        upright: all are turns about the object's y axis; found when the record is made.

    Raises:
        ValueError: another shape, a rotation that is none, or no identity.
    """

    transforms: Tensor
    exists: Tensor | None = None
    upright: bool = field(init=False)

    def __post_init__(self) -> None:
        transforms = self.transforms
        if transforms.dim() not in (3, 4) or transforms.shape[-2:] != (4, 4):
            raise ValueError(
                f"transforms must be (E, 4, 4) or (E, B, 4, 4), got {tuple(transforms.shape)}"
            )
        if self.exists is not None and self.exists.shape != transforms.shape[:2]:
            raise ValueError(
                f"exists must be {tuple(transforms.shape[:2])} to fit transforms, "
                f"got {tuple(self.exists.shape)}"
            )
        rotation = transforms[..., :3, :3]
        identity = torch.eye(4, dtype=transforms.dtype, device=transforms.device)
        defect = (rotation.mT @ rotation - identity[:3, :3]).abs().amax((-2, -1))
        if not (defect < ORTHOGONAL).all() or not (torch.linalg.det(rotation) > 0).all():
            raise ValueError("transforms must hold rotations, without reflection or scale")
        if not ((transforms - identity).abs().amax((-2, -1)) < ORTHOGONAL).any(0).all():
            raise ValueError("the identity must be among the transforms: the label itself is true")
        height = rotation[..., 1, 1]
        object.__setattr__(self, "upright", bool((height > 1.0 - ORTHOGONAL).all()))

    @classmethod
    def from_rotations(cls, rotations: Sequence | Tensor) -> "Symmetry":
        """Symmetry under rotations (E, 3, 3) about the origin of the object."""
        rotations = torch.as_tensor(rotations, dtype=torch.float64, device="cpu")
        transforms = torch.eye(4, dtype=torch.float64).repeat(len(rotations), 1, 1)
        transforms[:, :3, :3] = rotations
        return cls(transforms)

    @classmethod
    def from_transforms(cls, transforms: Sequence | Tensor) -> "Symmetry":
        """Symmetry under transforms (E, 4, 4), translations in metres (as in BOP models)."""
        return cls(torch.as_tensor(transforms, dtype=torch.float64, device="cpu"))

    @classmethod
    def about(
        cls, axis: Sequence[float], order: int, offset: Sequence[float] = (0.0, 0.0, 0.0)
    ) -> "Symmetry":
        """Symmetry under turns by 1 / order of a full turn, e.g. 2 for a box seen from above.

        Args:
            axis: direction of the axis, object frame.
            order: number of poses; some tens stand for a body of revolution.
            offset: a point of the axis, metres.

        Raises:
            ValueError: an axis without direction, or an order below one.
        """
        direction = torch.tensor(axis, dtype=torch.float64)
        if direction.shape != (3,) or not direction.norm() > 0 or order < 1:
            raise ValueError(f"need an axis of three numbers and an order, got {axis} and {order}")
        x, y, z = direction / direction.norm()
        zero = torch.zeros_like(x)
        cross = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero)).view(3, 3)
        angles = torch.arange(order, dtype=torch.float64) * (2.0 * math.pi / order)
        transforms = torch.eye(4, dtype=torch.float64).repeat(order, 1, 1)
        transforms[:, :3, :3] = torch.linalg.matrix_exp(cross * angles[:, None, None])
        point = torch.tensor(offset, dtype=torch.float64)
        transforms[:, :3, 3] = point - transforms[:, :3, :3] @ point
        return cls(transforms)

    @classmethod
    def of_objects(cls, symmetries: Sequence["Symmetry"]) -> "Symmetry":
        """Symmetries of B objects of different kinds, each as one for all gives it.

        Raises:
            ValueError: one that is itself of several objects.
        """
        if any(one.transforms.dim() != 3 for one in symmetries):
            raise ValueError("of_objects takes the symmetry of each kind, not of several objects")
        most = max((len(one.transforms) for one in symmetries), default=1)
        transforms = torch.eye(4, dtype=torch.float64).repeat(most, len(symmetries), 1, 1)
        exists = torch.zeros(most, len(symmetries), dtype=torch.bool)
        for place, one in enumerate(symmetries):
            transforms[: len(one.transforms), place] = one.transforms
            exists[: len(one.transforms), place] = True
        return cls(transforms, exists)

    def to(self, device: torch.device | str) -> "Symmetry":
        """The same on a device, so that no call has to copy it there."""
        exists = None if self.exists is None else self.exists.to(device)
        return Symmetry(self.transforms.to(device), exists)

    def equivalent(self, manifold: PoseManifold, pose: Tensor) -> Tensor:
        """Poses (E, B, P) in which the object looks as in poses (B, P).

        Raises:
            ValueError: symmetries of another number of objects, or turns that are not about the
                object's y axis for poses with yaw.
        """
        transforms = self.transforms if self.transforms.dim() == 4 else self.transforms[:, None]
        if transforms.shape[1] not in (1, len(pose)):
            raise ValueError(f"symmetries of {transforms.shape[1]} objects for {len(pose)}")
        if not (self.upright or isinstance(manifold, QuatPose)):
            raise ValueError("poses with yaw know symmetries about the object's y axis only")
        transforms = transforms.to(pose)
        rotation = manifold.rotation_matrix(pose)
        turned = linear.product(rotation, transforms[..., :3, :3])
        moved = linear.apply(rotation, transforms[..., :3, 3]) + pose[:, :3]
        return matrix_to_pose(manifold, torch.cat((turned, moved.unsqueeze(-1)), dim=-1))


def set_cost(costs: Tensor, exists: Tensor | None = None) -> Tensor:
    """Cost (B,) of a set of poses: minus the log of the sum of exp(-cost).

    At most the lowest of them, and by no more than log E below it.

    Args:
        costs: (E, B).
        exists: (E, B) mask of those that count, `Symmetry.exists`; all if None.
    """
    if exists is not None:
        costs = torch.where(exists.to(costs.device), costs, math.inf)
    return -torch.logsumexp(-costs, dim=0)


def symmetric_pose_loss(
    log_weights: Tensor, cost: PoseCost, poses: Tensor, exists: Tensor | None = None
) -> Tensor:
    """Monte Carlo pose loss (B,) for a set of equally true poses.

    Args:
        log_weights: (S, B) log importance weights.
        cost: cost of B objects that was sampled.
        poses: (E, B, P) equivalent true poses, such as `Symmetry.equivalent` gives.
        exists: (E, B) mask of those that count, `Symmetry.exists`; all if None.
    """
    return monte_carlo_pose_loss(log_weights, set_cost(cost.value(poses), exists))
