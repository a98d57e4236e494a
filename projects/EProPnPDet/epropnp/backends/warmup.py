"""Compiling ahead of the first call."""

import logging
import time
from itertools import product

import torch

from epropnp.backends.choice import default_backend
from epropnp.backends.eager import EagerBackend
from epropnp.backends.protocol import Backend

_logger = logging.getLogger("epropnp")


def warm_up(backend: Backend | None = None, dtype: torch.dtype = torch.float32) -> float:
    """Compile every kernel of a backend now, instead of in the first training step.

    It runs a tiny training step with poses of four and of six degrees of freedom, on the CPU and,
    if there is one, on a GPU. Kernels that an earlier process left on disk are loaded, which takes
    a second or two; compiling takes about a minute of one core. On the CPU other numbers of
    objects, points or samples compile nothing.

    Args:
        backend: `default_backend` if None.
        dtype: of the inputs, torch.float32 or torch.float64; each has kernels of its own.

    Returns:
        Seconds it took.
    """
    from epropnp.kernels import HuberPnPCost
    from epropnp.layer import EProPnP4DoF, EProPnP6DoF
    from epropnp.losses import monte_carlo_pose_loss

    backend = backend or default_backend()
    if type(backend) is EagerBackend:
        return 0.0
    begin = time.perf_counter()
    _logger.info("epropnp: loading or compiling kernels, up to a minute the first time")
    devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    for device, layer_type in product(devices, (EProPnP4DoF, EProPnP6DoF)):
        layer = layer_type(8, 2, backend=backend)
        inputs, camera, pose = _problem(layer.dof, dtype, device)
        result = layer.monte_carlo_forward(
            *inputs, camera, HuberPnPCost(1.0), pose, with_pose_opt_plus=True
        )
        loss = monte_carlo_pose_loss(result.pose_sample_logweights, result.cost_target)
        (loss.sum() + result.pose_opt_plus.sum()).backward()
    seconds = time.perf_counter() - begin
    _logger.info("epropnp: kernels are ready after %.1f s", seconds)
    return seconds


def _problem(dof: int, dtype: torch.dtype, device: str):
    """Two objects of eight points: correspondences with gradients, a camera, poses."""
    from epropnp.camera import PerspectiveCamera

    corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=dtype, device=device)] * 3)
    x3d = corners.expand(2, 8, 3).clone()
    cam_mats = corners.new_tensor([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])
    camera = PerspectiveCamera().bind(cam_mats.expand(2, 3, 3), torch.tensor([480, 640]))
    pose = corners.new_zeros(2, 4 if dof == 4 else 7)
    pose[:, 2] = 8.0
    if dof == 6:
        pose[:, 3] = 1.0
    x2d = camera.project(x3d + pose[:, None, :3])
    inputs = (x3d, x2d, torch.ones_like(x2d))
    return [tensor.requires_grad_() for tensor in inputs], camera, pose
