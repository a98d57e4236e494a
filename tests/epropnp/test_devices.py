"""The layer on other devices: torch's ``meta`` everywhere, a GPU where there is one.

Tensors on ``meta`` have shapes and no values. What reads a value (a wait of the host for a GPU) or
mixes devices fails there, so these tests show both without a GPU.
"""

import copy
import gc
import warnings

import pytest
import torch

from epropnp import (
    AdaptiveHuberPnPCost,
    CUDAGraphs,
    EProPnP4DoF,
    EProPnP6DoF,
    LMSolver,
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


def waiting(function):
    """Where the host waits for the GPU in a call, and what the call gives."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = function()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    found = [w for w in caught if "called a synchronizing CUDA operation" in str(w.message)]
    return [f"{w.filename}:{w.lineno}" for w in found], result


@needs_gpu
@pytest.mark.cuda
@pytest.mark.parametrize("backend", ["eager", "auto"])
@pytest.mark.parametrize("num", [3, 0])
@pytest.mark.parametrize("dof", [4, 6])
def test_gpu_trains_without_waiting_for_it(dof, num, backend):
    set_default_backend(None if backend == "auto" else backend)
    step = training_step(dof, "cuda", num)
    step()  # libraries are loaded
    waits, (_, gradients) = waiting(step)
    assert waits == []
    assert all(each.isfinite().all() for each in gradients)


def comparable(pose):
    """Poses whose rotations have one form: cosine and sine of a yaw, one of two quaternions."""
    if pose.shape[-1] == 4:
        return torch.cat((pose[:, :3], pose[:, 3:].cos(), pose[:, 3:].sin()), dim=-1)
    return torch.cat((pose[:, :3], pose[:, 3:] * pose[:, 3:4].sign()), dim=-1)


def assert_same_evidence(found, expected):
    """Log evidence of 512 samples each, which are other ones."""
    evidence, known = (r.pose_sample_logweights.logsumexp(0) for r in (found, expected))
    torch.testing.assert_close(evidence, known, rtol=0, atol=0.5)


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
            mine, other = (comparable(getattr(result, name)) for result in (found, expected))
            torch.testing.assert_close(mine, other)
        assert not found.pose_opt.requires_grad
        assert_same_evidence(found, expected)
        for mine, other in zip(gradients, wanted, strict=True):
            assert (mine - other).norm() < 0.5 * other.norm()
    assert not torch.equal(found.pose_samples, replay()[0].pose_samples)


def inference(dof, num, runner=None, given=False, dtype=torch.float64):
    """A layer without gradients on a GPU, as a function of a seed or a generator.

    With ``given`` poses to start from it solves and draws nothing; else it searches and samples.
    """
    data = scene(dof, num=num, points=32, noise=0.3, dtype=dtype)
    solver = LMSolver(dof=dof) if given else None
    layer = LAYERS[dof](solver=solver, runner=runner).cuda()
    held = [
        each.detach().cuda()
        for each in (data.x3d, data.x2d, data.w2d, data.camera.cam_mats, data.pose)
    ]

    @torch.no_grad()
    def run(source, turn=0):
        """``turn`` moves the objects on by so many places."""
        *inputs, cam_mats, start = (each.roll(turn, 0) for each in held)
        rest = PerspectiveCamera().bind(cam_mats), AdaptiveHuberPnPCost()
        generator = source
        if isinstance(source, int):
            generator = torch.Generator("cuda").manual_seed(source)
        if given:
            return layer(*inputs, *rest, start, with_pose_cov=True, generator=generator)
        return layer.monte_carlo_forward(*inputs, *rest, generator=generator)

    return run


@needs_gpu
@pytest.mark.cuda
@pytest.mark.parametrize("backend", ["eager", "auto"])
@pytest.mark.parametrize("num", [0, 5, 32, 33])
@pytest.mark.parametrize("dof", [4, 6])
def test_gpu_replays_with_a_generator_what_it_would_compute(dof, num, backend):
    set_default_backend(None if backend == "auto" else backend)
    expected = inference(dof, num, given=True)(1)
    replay = inference(dof, num, CUDAGraphs(), given=True)
    for seed, turn in ((1, 0), (2, 1), (2, 2)):
        found = replay(seed, turn)
        for name in ("valid", "pose_opt", "pose_cov", "cost"):
            wanted = getattr(expected, name).roll(turn, 0)
            torch.testing.assert_close(getattr(found, name), wanted)


@needs_gpu
@pytest.mark.cuda
@pytest.mark.parametrize("backend", ["eager", "auto"])
@pytest.mark.parametrize("num", [0, 5, 33])
@pytest.mark.parametrize("dof", [4, 6])
def test_gpu_replays_from_random_starts_find_the_same_poses(dof, num, backend):
    set_default_backend(None if backend == "auto" else backend)
    expected = inference(dof, num)(1)
    replay = inference(dof, num, CUDAGraphs())
    for seed in (1, 2):
        found = replay(seed)
        assert found.pose_samples.shape == expected.pose_samples.shape
        mine, other = comparable(found.pose_opt), comparable(expected.pose_opt)
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-3)
        assert_same_evidence(found, expected)


@needs_gpu
@pytest.mark.cuda
@pytest.mark.parametrize("backend", ["eager", "auto"])
@pytest.mark.parametrize("dof", [4, 6])
def test_gpu_draws_from_the_generator_of_each_call(dof, backend):
    set_default_backend(None if backend == "auto" else backend)
    replay = inference(dof, 5, CUDAGraphs())
    generator = torch.Generator("cuda").manual_seed(1)
    default = torch.cuda.get_rng_state()
    first, second, again, other = (replay(s).pose_samples for s in (generator, generator, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(torch.cuda.get_rng_state(), default)
    generator = torch.Generator("cuda").manual_seed(1)
    assert torch.equal(replay(generator).pose_samples, first)
    assert torch.equal(replay(generator).pose_samples, second)


@needs_gpu
@pytest.mark.cuda
@pytest.mark.parametrize("dof", [4, 6])
def test_gpu_draws_the_same_as_a_direct_call_of_as_many_objects(dof):
    """32 objects are not filled up: seed and place of the generator are those of a direct call."""
    generators = [torch.Generator("cuda").manual_seed(1) for _ in range(2)]
    run, replay = inference(dof, 32), inference(dof, 32, CUDAGraphs())
    for _ in range(2):
        expected, found = run(generators[0]), replay(generators[1])
        torch.testing.assert_close(found.pose_samples, expected.pose_samples)
        assert torch.equal(*(each.get_state() for each in generators))


@needs_gpu
@pytest.mark.cuda
@pytest.mark.parametrize("backend", ["eager", "auto"])
@pytest.mark.parametrize("num", [5, 0])
def test_gpu_replays_without_waiting_for_it(num, backend):
    set_default_backend(None if backend == "auto" else backend)
    replay = inference(4, num, CUDAGraphs(), dtype=torch.float32)
    replay(1)  # captured
    waits, result = waiting(lambda: replay(2))
    assert waits == []
    assert result.pose_opt.shape == (num, 4)


@needs_gpu
@pytest.mark.cuda
def test_gpu_replays_with_a_generator_after_inference_mode_and_beside_training():
    runner = CUDAGraphs()
    replay, step = inference(4, 5, runner), training_step(4, "cuda", 5, runner=runner)
    with torch.inference_mode():
        first = replay(1).pose_samples.clone()
    step()
    assert torch.equal(replay(1).pose_samples, first)
    assert all(each.isfinite().all() for each in step()[1])
    assert len(runner._graphs) == 2


@needs_gpu
@pytest.mark.cuda
def test_gpu_replays_without_a_generator_after_inference_mode():
    replay = inference(4, 5, CUDAGraphs(), given=True)
    with torch.inference_mode():
        first = replay(None).pose_opt.clone()
    torch.testing.assert_close(replay(None).pose_opt, first)


@needs_gpu
@pytest.mark.cuda
def test_gpu_captures_while_graphs_of_other_layers_are_garbage():
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(3):
            assert inference(4, 5, CUDAGraphs())(1).pose_opt.isfinite().all()
    finally:
        gc.set_threshold(*threshold)


@needs_gpu
@pytest.mark.cuda
def test_gpu_leaves_a_generator_of_the_cpu_to_the_layer():
    with pytest.raises(RuntimeError, match="device type"):
        inference(4, 5, CUDAGraphs())(torch.Generator())
