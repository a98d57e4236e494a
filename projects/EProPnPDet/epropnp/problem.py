"""From the tensors a network predicts to a cost, with bad objects taken out of harm's way.

Source: EPro-PnP (arXiv 2203.13254), section 3.1.
"""

from dataclasses import replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from epropnp.camera import PerspectiveCamera
from epropnp.checks import check_camera, check_correspondences, check_cost_setting, check_pose
from epropnp.cost import MovableCost
from epropnp.frames import ObjectFrame
from epropnp.gate import gate, per_object, sound_objects
from epropnp.kernels import Kernel, has_weight
from epropnp.manifolds import PoseManifold
from epropnp.reprojection import ReprojectionCost


class CostSetting(Protocol):
    """Choice of a kernel, such as `AdaptiveHuberPnPCost`."""

    def kernel(self, x2d: Tensor, w2d: Tensor) -> Kernel:
        """Kernel for image points (B, n, 2) with weights (B, n, 2)."""
        ...


class Problem(NamedTuple):
    """A well-formed pose problem.

    Attributes:
        cost: cost of B objects, for poses of `frame`; an object that is not valid weighs nothing.
        frame: object frame in which the problem is solved.
        valid: (B,) objects with finite input, no negative weight, and enough points for the
            manifold.
    """

    cost: MovableCost
    frame: ObjectFrame
    valid: Tensor

    def start(self, pose: Tensor) -> tuple[Tensor, Tensor]:
        """Given poses (B, P) in the frame, and a mask (B,) of those that are poses.

        Several per object are (E, B, P), with a mask (E, B).

        Quaternions get unit length. What is not finite, or has no direction, becomes the identity.

        Raises:
            TypeError: the poses are not a tensor.
            ValueError: their shape differs.
        """
        one = pose[0] if isinstance(pose, Tensor) and pose.dim() == 3 else pose
        check_pose("pose_init", one, self.valid.shape[0], self.cost.manifold)
        pose = self.cost.manifold.project(pose.to(next(iter(self.cost.leaves().values()))))
        finite = pose.isfinite().all(-1)
        pose = torch.where(finite.unsqueeze(-1), pose, self.cost.manifold.identity(pose))
        return self.frame.enter(pose), finite


def build_problem(
    x3d: Tensor,
    x2d: Tensor,
    w2d: Tensor,
    camera: PerspectiveCamera,
    cost_fun: CostSetting,
    manifold: PoseManifold,
    normalize: bool = False,
    mask: Tensor | None = None,
) -> Problem:
    """Check correspondences and make their cost.

    An object that is not valid gets zeros in place of its numbers, and its gradient is zero. So is
    the gradient of an object that has one which is not finite.

    Args:
        x3d: (B, n, 3) object frame, metres.
        x2d: (B, n, 2) pixels.
        w2d: (B, n, 2) weights, not negative.
        camera: bound camera.
        cost_fun: choice of the kernel.
        manifold: space of the poses.
        normalize: move the origin of the object frame to the mean of its points.
        mask: (B, n) points that count, all if None; of the others not even NaN matters.

    Raises:
        TypeError: arguments of the wrong kind.
        ValueError: shapes that do not fit, a camera without intrinsics, or a mask for a threshold
            of every point.
    """
    check_correspondences(x3d, x2d, w2d, mask)
    check_camera(camera)
    check_cost_setting(cost_fun)
    every_point = getattr(cost_fun, "every_point", False)
    if mask is not None and every_point:
        raise ValueError("mask leaves points out, but every_point of cost_fun counts them")
    x3d, x2d, w2d = _points(x3d, x2d, w2d, mask)
    camera = replace(camera, gravity=None)  # the manifold has it, where it matters
    leaves = {"x3d": x3d, "x2d": x2d, "w2d": w2d}
    leaves |= per_object("camera", camera, x3d)
    leaves |= per_object("manifold", manifold, x3d)
    valid = _enough_points(w2d.detach(), manifold.dof) & sound_objects(leaves)
    leaves = gate(leaves, valid)
    x3d, x2d, w2d = (leaves.pop(name) for name in ("x3d", "x2d", "w2d"))

    kernel = cost_fun.kernel(x2d, w2d)
    of_kernel = per_object("kernel", kernel, x3d)
    if of_kernel:
        valid = valid & sound_objects(of_kernel)
        leaves |= gate(of_kernel, valid)
    cost = ReprojectionCost.from_correspondences(x3d, x2d, w2d, camera, kernel, manifold)
    cost = replace(cost.with_leaves(leaves), every_point=every_point)
    frame = ObjectFrame(cost.manifold, cost.center() if normalize else None)
    return Problem(frame.cost(cost), frame, valid)


def problem_of(cost: MovableCost, normalize: bool = False) -> Problem:
    """A problem of a cost that is made already, such as a `SumCost`.

    The cost is taken as it is: unlike correspondences, its numbers are not looked at before they
    are used, and no object is left out.

    Args:
        cost: cost of B objects, whose first leaf has an entry per object.
        normalize: move the origin of the object frame to the centre of the cost.
    """
    first = next(iter(cost.leaves().values()))
    frame = ObjectFrame(cost.manifold, cost.center() if normalize else None)
    valid = torch.ones(first.shape[0], dtype=torch.bool, device=first.device)
    return Problem(frame.cost(cost), frame, valid)


def _points(x3d: Tensor, x2d: Tensor, w2d: Tensor, mask: Tensor | None) -> list[Tensor]:
    """Correspondences in their widest type, at least float32; zeros outside the mask."""
    dtype = torch.float32  # half precision is too coarse
    for tensor in (x3d, x2d, w2d):
        dtype = torch.promote_types(dtype, tensor.dtype)
    points = [tensor.to(dtype) for tensor in (x3d, x2d, w2d)]
    if mask is None:
        return points
    return [torch.where(mask.unsqueeze(-1), tensor, 0.0) for tensor in points]


def _enough_points(w2d: Tensor, dof: int) -> Tensor:
    """Mask (B,) of objects with weights (B, n, 2) of sound sign and enough points with a weight."""
    enough = 2 * has_weight(w2d).sum(-1) >= dof
    return enough & (w2d >= 0).flatten(1).all(1)
