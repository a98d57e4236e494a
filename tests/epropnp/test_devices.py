"""The layer on other devices: torch's ``meta`` everywhere, a GPU where there is one.

Tensors on ``meta`` have shapes and no values. What reads a value (a wait of the host for a GPU) or
mixes devices fails there, so these tests show both without a GPU.
"""

import copy
import warnings

import pytest
import torch

from epropnp import (
    AdaptiveHuberPnPCost,
    CUDAGraphs,
    EProPnP4DoF,
    EProPnP6DoF,
    MonteCarloPoseLoss,
    PerspectiveCamera,
    set_default_backend,
)
from pnp_scenes import scene

LAYERS = {4: EProPnP4DoF, 6: EProPnP6DoF}
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@pytest.fixture(autouse=True)
def _eager():
    set_default_backend("eager")
    yield
    set_default_backend(None)


def training_step(dof, device, num=3, dtype=torch.float32, runner=None):
    """One forward and backward pass, as a function: the result and the gradients of the inputs."""
    data = scene(dof, num=num, points=16, noise=1.0, dtype=dtype)
    inputs = [each.detach().to(device).requires_grad_() for each in (data.x3d, data.x2d, data.w2d)]
    camera = PerspectiveCamera().bind(data.camera.cam_mats.to(device))
    pose_gt = data.pose.to(device)
    layer, loss = LAYERS[dof](runner=runner).to(device), MonteCarloPoseLoss().to(device)

    def step():
        result = layer.monte_carlo_forward(
            *inputs, camera, AdaptiveHuberPnPCost(), pose_init=pose_gt, with_pose_opt_plus=True
        )
        scale = inputs[2].mean()
        total = loss(result.pose_sample_logweights, result.cost_target, norm_factor=scale)
        total = total + 1e-3 * (result.pose_opt_plus - pose_gt).square().sum()
        return result, torch.autograd.grad(total, inputs)

    return step


@pytest.mark.parametrize("num", [3, 0])
@pytest.mark.parametrize("dof", [4, 6])
def test_training_reads_no_value_and_stays_on_its_device(dof, num):
    result, gradients = training_step(dof, "meta", num)()
    tensors = [*(value for value in result if torch.is_tensor(value)), *gradients]
    assert {value.device.type for value in tensors} == {"meta"}
    expected, _ = training_step(dof, "cpu", num)()
    for mine, other in zip(result, expected, strict=True):
        if torch.is_tensor(other):
            assert (mine.shape, mine.dtype) == (other.shape, other.dtype)


@pytest.mark.parametrize("dof", [4, 6])
def test_inference_reads_no_value(dof):
    data = scene(dof, num=2, points=16)
    camera = PerspectiveCamera().bind(data.camera.cam_mats.to("meta"))
    inputs = [each.to("meta") for each in (data.x3d, data.x2d, data.w2d)]
    result = LAYERS[dof]()(*inputs, camera, AdaptiveHuberPnPCost(), with_pose_cov=True)
    assert result.pose_opt.device.type == "meta"
    assert result.pose_opt.shape == data.pose.shape


def test_a_read_value_would_be_noticed():
    with pytest.raises(RuntimeError):
        torch.rand(3, device="meta").max().item()


@needs_gpu
@pytest.mark.cuda
@pytest.mark.parametrize("dof", [4, 6])
def test_gpu_solves_like_the_cpu(dof):
    data = scene(dof, num=5, points=32, noise=1.0)
    net = LAYERS[dof]()
    poses = []
    for device in ("cpu", "cuda"):
        camera = PerspectiveCamera().bind(data.camera.cam_mats.to(device))
        inputs = [each.to(device) for each in (data.x3d, data.x2d, data.w2d)]
        solver = copy.deepcopy(net.solver).to(device)
        start = data.pose.to(device)
        solution = solver(
            *inputs, camera, AdaptiveHuberPnPCost(), pose_init=start, force_init_solve=False
        )
        poses.append(solution.pose_opt)
    torch.testing.assert_close(poses[1].cpu(), poses[0], rtol=0, atol=1e-8)  # float64


@needs_gpu
@pytest.mark.cuda
@pytest.mark.parametrize("backend", ["eager", "auto"])
@pytest.mark.parametrize("num", [3, 0])
@pytest.mark.parametrize("dof", [4, 6])
def test_gpu_trains_without_waiting_for_it(dof, num, backend):
    set_default_backend(None if backend == "auto" else backend)
    step = training_step(dof, "cuda", num)
    step()  # libraries are loaded
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            _, gradients = step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    waits = [w for w in caught if "called a synchronizing CUDA operation" in str(w.message)]
    assert [f"{w.filename}:{w.lineno}" for w in waits] == []
    assert all(each.isfinite().all() for each in gradients)


def signed(pose):
    """Poses with one of the two quaternions of a rotation."""
    if pose.shape[-1] == 4:
        return pose
    return torch.cat((pose[:, :3], pose[:, 3:] * pose[:, 3:4].sign()), dim=-1)


@needs_gpu
@pytest.mark.cuda
@pytest.mark.parametrize("backend", ["eager", "auto"])
@pytest.mark.parametrize("dof", [4, 6])
def test_gpu_replays_what_it_would_compute(dof, backend):
    """Values and gradients of a replay are those of a direct call, but for the samples drawn."""
    set_default_backend(None if backend == "auto" else backend)
    torch.manual_seed(0)
    expected, wanted = training_step(dof, "cuda", 5, torch.float64)()
    replay = training_step(dof, "cuda", 5, torch.float64, CUDAGraphs())
    for _ in range(3):
        found, gradients = replay()
        for name in ("cost", "cost_target", "valid"):
            torch.testing.assert_close(getattr(found, name), getattr(expected, name))
        for name in ("pose_opt", "pose_opt_plus"):
            mine, other = (signed(getattr(result, name)) for result in (found, expected))
            torch.testing.assert_close(mine, other)
        assert not found.pose_opt.requires_grad
        evidence, known = (r.pose_sample_logweights.logsumexp(0) for r in (found, expected))
        torch.testing.assert_close(evidence, known, rtol=0, atol=0.5)  # 512 samples
        for mine, other in zip(gradients, wanted, strict=True):
            assert (mine - other).norm() < 0.5 * other.norm()
    assert not torch.equal(found.pose_samples, replay()[0].pose_samples)
