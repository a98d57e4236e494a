"""From the tensors a network predicts to a cost, with bad objects taken out of harm's way.

Source: EPro-PnP (arXiv 2203.13254), section 3.1.
"""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from epropnp.camera import PerspectiveCamera
from epropnp.frames import ObjectFrame
from epropnp.kernels import Kernel
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
        cost: cost of B objects, for poses of `frame`; an object with bad input has no weight.
        frame: object frame in which the problem is solved.
        valid: (B,) objects with finite input and enough points for the manifold.
    """

    cost: ReprojectionCost
    frame: ObjectFrame
    valid: Tensor

    def start(self, pose: Tensor) -> tuple[Tensor, Tensor]:
        """Given poses (B, P) in the frame, identity where not finite, and a mask (B,) of those."""
        pose = pose.to(self.cost.points_obj)
        finite = finite_objects(pose)
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
) -> Problem:
    """Check correspondences and make their cost.

    An object with a number that is not finite gets zeros in its place, and its gradient is zero.
    A gradient that is not finite is set to zero as well, for its object.

    Args:
        x3d: (B, n, 3) object frame, metres.
        x2d: (B, n, 2) pixels.
        w2d: (B, n, 2) weights, not negative.
        camera: bound camera.
        cost_fun: choice of the kernel.
        manifold: space of the poses.
        normalize: move the origin of the object frame to the mean of its points.

    Raises:
        ValueError: shapes that do not fit, or a camera without intrinsics.
    """
    _check(x3d, x2d, w2d, camera)
    dtype = _working_dtype(x3d, x2d, w2d)
    x3d, x2d, w2d = (tensor.to(dtype) for tensor in (x3d, x2d, w2d))
    cam_mats = camera.cam_mats.to(x3d).expand(len(x3d), 3, 3)
    finite = torch.stack([finite_objects(t) for t in (x3d, x2d, w2d, cam_mats)]).all(0)
    identity = torch.eye(3, dtype=dtype, device=x3d.device)
    cam_mats = torch.where(finite[:, None, None], cam_mats, identity)
    camera = camera.to(x3d).with_leaves({"cam_mats": cam_mats})

    x3d, x2d, w2d = FiniteGate.apply(finite, x3d, x2d, w2d)
    kernel = cost_fun.kernel(x2d, w2d)
    leaves = kernel.leaves()
    gated = FiniteGate.apply(finite, *leaves.values())
    kernel = kernel.with_leaves(dict(zip(leaves, gated, strict=True)))
    cost = ReprojectionCost.from_correspondences(x3d, x2d, w2d, camera, kernel, manifold)
    usable_points = (w2d.detach() > 0).any(-1).sum(-1)
    frame = ObjectFrame.centered(cost) if normalize else ObjectFrame(manifold)
    return Problem(frame.cost(cost), frame, finite & (2 * usable_points >= manifold.dof))


class FiniteGate(torch.autograd.Function):
    """Keeps what is not finite from travelling, forwards and backwards, object by object."""

    @staticmethod
    def forward(ctx, finite, *tensors):
        """Pass tensors (B, ...) on, with zeros for objects outside the mask (B,)."""
        ctx.save_for_backward(finite)
        return tuple(_keep(finite, tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx, *grads):
        """Pass gradients on, with zeros for objects that have one which is not finite."""
        (finite,) = ctx.saved_tensors
        finite = torch.stack([finite, *(finite_objects(g) for g in grads if g is not None)]).all(0)
        return None, *(None if g is None else _keep(finite, g) for g in grads)


def _keep(mask: Tensor, tensor: Tensor) -> Tensor:
    """Objects of (B, ...) in the mask (B,), zeros for the others."""
    return torch.where(mask.view(-1, *[1] * (tensor.dim() - 1)), tensor, 0.0)


def finite_objects(tensor: Tensor) -> Tensor:
    """Mask (B,) of the objects of (B, ...) whose numbers are all finite."""
    finite = tensor.isfinite()
    return finite.flatten(1).all(1) if finite.dim() > 1 else finite


def _working_dtype(*tensors: Tensor) -> torch.dtype:
    """Widest of the types; at least float32, which half precision is too coarse for."""
    dtype = torch.float32
    for tensor in tensors:
        dtype = torch.promote_types(dtype, tensor.dtype)
    return dtype


def _check(x3d: Tensor, x2d: Tensor, w2d: Tensor, camera: PerspectiveCamera) -> None:
    if x3d.dim() != 3 or x3d.shape[-1] != 3:
        raise ValueError(f"x3d must be (objects, points, 3), got {tuple(x3d.shape)}")
    expected = (*x3d.shape[:2], 2)
    for name, tensor in (("x2d", x2d), ("w2d", w2d)):
        if tuple(tensor.shape) != expected:
            raise ValueError(f"{name} must be {expected} to fit x3d, got {tuple(tensor.shape)}")
    if camera.cam_mats is None:
        raise ValueError("the camera has no intrinsics; call camera.bind(cam_mats, img_shape)")
    if camera.cam_mats.dim() == 3 and len(camera.cam_mats) not in (1, len(x3d)):
        raise ValueError(f"camera has {len(camera.cam_mats)} intrinsics for {len(x3d)} objects")
