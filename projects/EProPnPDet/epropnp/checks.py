"""Arguments of a pose problem, checked together before anything is computed.

Only types and shapes are looked at: a look at values would make the host wait for the device.
"""

from typing import Any

import torch

from epropnp.arguments import check_tensor
from epropnp.camera import PerspectiveCamera
from epropnp.manifolds import PoseManifold


def check_correspondences(x3d: Any, x2d: Any, w2d: Any, mask: Any = None) -> None:
    """Check points, weights and their mask; see `epropnp.problem.build_problem`.

    Raises:
        TypeError: something is not a tensor, or the mask is not boolean.
        ValueError: shapes that do not fit.
    """
    check_tensor("x3d", x3d, ("objects", "points", 3))
    for name, tensor in (("x2d", x2d), ("w2d", w2d)):
        check_tensor(name, tensor, (*x3d.shape[:2], 2))
    if mask is not None:
        check_tensor("mask", mask, tuple(x3d.shape[:2]))
        if mask.dtype != torch.bool:
            raise TypeError(f"mask must be boolean, True for points that count, got {mask.dtype}")


def check_camera(camera: Any) -> None:
    """Check that a camera is one, and bound.

    Raises:
        TypeError: it is something else.
        ValueError: it has no intrinsics.
    """
    if not isinstance(camera, PerspectiveCamera):
        raise TypeError(f"camera must be a PerspectiveCamera, got {type(camera).__name__}")
    if camera.cam_mats is None:
        raise ValueError("the camera has no intrinsics; call camera.bind(cam_mats, img_shape)")


def check_cost_setting(cost_fun: Any) -> None:
    """Check that the choice of a kernel is one.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(cost_fun, type) or not callable(getattr(cost_fun, "kernel", None)):
        raise TypeError(
            "cost_fun must be the choice of a kernel, such as HuberPnPCost(delta) or "
            f"AdaptiveHuberPnPCost(relative_delta), got {type(cost_fun).__name__}"
        )


def check_pose(name: str, pose: Any, num: int, manifold: PoseManifold) -> None:
    """Check poses (num, P).

    Raises:
        TypeError: they are not a tensor.
        ValueError: their shape differs.
    """
    check_tensor(name, pose, (num, manifold.num_params))
