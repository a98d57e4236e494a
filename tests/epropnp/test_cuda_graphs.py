"""What is around a CUDA graph, with a stand-in that overwrites its memory as a graph does.

The graphs themselves are tested in `test_devices` where there is a GPU.
"""

import copy
import pickle

import pytest
import torch

from epropnp import (
    AdaptiveHuberPnPCost,
    CUDAGraphs,
    EProPnP4DoF,
    HuberPnPCost,
    LMSolver,
    PerspectiveCamera,
    set_default_backend,
)
from epropnp import cuda_graphs as module
from pnp_scenes import scene


class Captures:
    """Stands for `torch.cuda.make_graphed_callables`: counts, and keeps results in fixed memory."""

    def __init__(self):
        self.count = 0

    def __call__(self, run, samples, allow_unused_input):
        self.count += 1
        assert allow_unused_input
        learnt = [sample.requires_grad for sample in samples]
        memory = [value.detach().clone() for value in run(*samples)]
        gradients = [torch.zeros_like(sample) for sample in samples]

        class Replay(torch.autograd.Function):
            @staticmethod
            def forward(ctx, *values):
                for sample, value in zip(samples, values, strict=True):
                    sample.data.copy_(value)
                with torch.enable_grad():
                    values = run(*samples)
                for kept, value in zip(memory, values, strict=True):
                    kept.copy_(value.detach())
                return tuple(kept.detach() for kept in memory)

            @staticmethod
            def backward(ctx, *grads):
                with torch.enable_grad():
                    inputs = [sample.detach().clone() for sample in samples]
                    wanted = [t.requires_grad_() for t, k in zip(inputs, learnt, strict=True) if k]
                    pairs = zip(run(*inputs), grads, strict=True)
                    outputs, seeds = zip(
                        *((o, g) for o, g in pairs if o.requires_grad), strict=True
                    )
                    found = torch.autograd.grad(outputs, wanted, seeds, allow_unused=True)
                kept = [memory for memory, known in zip(gradients, learnt, strict=True) if known]
                for memory, value in zip(kept, found, strict=True):
                    memory.copy_(value)
                return tuple(g if k else None for g, k in zip(gradients, learnt, strict=True))

        return Replay.apply


@pytest.fixture
def captures(monkeypatch):
    set_default_backend("eager")
    found = Captures()
    monkeypatch.setattr(module, "DEVICES", ("cpu",))
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", found)
    yield found
    set_default_backend(None)


def layers(**options):
    """The same layer with graphs and without; from given poses alone, so nothing is random."""
    solver = LMSolver(dof=4, num_iter=5)
    return [EProPnP4DoF(32, 4, solver=solver, runner=r, **options) for r in (CUDAGraphs(4), None)]


def arguments(num, points=12, shared_camera=False):
    data = scene(4, num=num, points=points, noise=1.0)
    inputs = [each.detach().requires_grad_() for each in (data.x3d, data.x2d, data.w2d)]
    cam_mats = data.camera.cam_mats[:1] if shared_camera else data.camera.cam_mats
    camera = PerspectiveCamera().bind(cam_mats, torch.tensor([480, 640]))
    return inputs, (camera, AdaptiveHuberPnPCost(), data.pose)


@pytest.mark.parametrize("num", [0, 1, 3, 4, 5])
@pytest.mark.parametrize("shared_camera", [False, True])
def test_any_number_of_objects_gives_what_a_direct_call_gives(captures, num, shared_camera):
    captured, direct = layers()
    inputs, rest = arguments(num, shared_camera=shared_camera)
    results = [layer(*inputs, *rest, with_pose_cov=True, with_pose_opt_plus=True)
               for layer in (captured, direct)]  # fmt: skip
    torch.testing.assert_close(results[0], results[1], equal_nan=True)
    found, expected = (torch.autograd.grad(r.pose_opt_plus.sum(), inputs) for r in results)
    torch.testing.assert_close(found, expected)
    assert [t.requires_grad for t in results[0][:5] if t is not None] == [
        t.requires_grad for t in results[1][:5] if t is not None
    ]


def test_samples_of_the_filled_objects_are_left_out(captures):
    captured, _ = layers()
    inputs, rest = arguments(3)
    result = captured.monte_carlo_forward(*inputs, *rest)
    assert result.pose_samples.shape == (32, 3, 4)
    assert result.pose_sample_logweights.shape == result.pose_sample_costs.shape == (32, 3)
    assert result.cost_target.requires_grad
    assert result.pose_sample_logweights.requires_grad
    assert not result.pose_samples.requires_grad


def test_one_graph_serves_the_numbers_up_to_a_multiple(captures):
    captured, _ = layers()
    for num in (1, 4, 2, 5):
        inputs, rest = arguments(num)
        captured(*inputs, *rest)
    assert captures.count == 2


@pytest.mark.parametrize("change", ["points", "option", "camera", "cost", "gradient"])
def test_other_kernels_are_another_graph(captures, change):
    captured, _ = layers()
    inputs, (camera, cost, pose) = arguments(2)
    captured(*inputs, camera, cost, pose)
    options = {}
    if change == "points":
        inputs, (camera, cost, pose) = arguments(2, points=13)
    elif change == "option":
        options["with_pose_cov"] = True
    elif change == "camera":
        camera = PerspectiveCamera(z_min=0.2).bind(camera.cam_mats, torch.tensor([480, 640]))
    elif change == "cost":
        cost = AdaptiveHuberPnPCost(relative_delta=0.1)
    else:
        inputs[0] = inputs[0].detach()
    captured(*inputs, camera, cost, pose, **options)
    assert captures.count == 2


def test_layers_that_share_a_runner_have_graphs_of_their_own(captures):
    runner, (inputs, rest) = CUDAGraphs(4), arguments(2)
    for num_iter in (0, 5):
        solver = LMSolver(dof=4, num_iter=num_iter)
        captured, direct = (EProPnP4DoF(32, 4, solver=solver, runner=r) for r in (runner, None))
        torch.testing.assert_close(captured(*inputs, *rest).cost, direct(*inputs, *rest).cost)
    assert captures.count == 2


def test_a_result_outlives_the_next_call(captures):
    captured, _ = layers()
    (first, rest), (second, others) = arguments(2), arguments(3)
    result = captured(*first, *rest)
    kept = result.pose_opt.clone()
    captured(*second, *others)
    assert torch.equal(result.pose_opt, kept)


def test_an_overwritten_gradient_is_refused(captures):
    captured, _ = layers()
    inputs, rest = arguments(2)
    first = captured(*inputs, *rest, with_pose_opt_plus=True)
    captured(*inputs, *rest, with_pose_opt_plus=True)
    with pytest.raises(RuntimeError, match="called again with the same sizes"):
        first.pose_opt_plus.sum().backward()


def test_a_gradient_outlives_the_next_one(captures):
    captured, _ = layers()
    inputs, rest = arguments(4)

    def gradient(factor):
        pose = captured(*inputs, *rest, with_pose_opt_plus=True).pose_opt_plus
        return torch.autograd.grad(factor * pose.sum(), inputs)

    first = gradient(1.0)
    kept = [each.clone() for each in first]
    gradient(2.0)
    assert all(map(torch.equal, first, kept))
    assert kept[0].any()


def test_the_graph_used_least_goes_first(captures):
    captured, _ = layers()
    captured.runner.most = 1
    for points in (12, 13, 12):
        inputs, rest = arguments(2, points=points)
        captured(*inputs, *rest)
    assert captures.count == 3


def test_what_cannot_be_captured_runs_directly(captures):
    captured, direct = layers()
    inputs, (camera, cost, pose) = arguments(2)
    generators = [torch.Generator().manual_seed(1) for _ in range(2)]
    found, expected = (
        layer.monte_carlo_forward(*inputs, camera, cost, pose, generator=generator)
        for layer, generator in zip((captured, direct), generators, strict=True)
    )
    assert torch.equal(found.pose_samples, expected.pose_samples)
    captured(*inputs, camera, HuberPnPCost(torch.tensor([1.0, 2.0])), pose)
    captured(*inputs, camera, cost, pose, with_diagnostics=True)
    assert captures.count == 0


def test_tensors_that_are_not_on_a_gpu_run_directly():
    captured, direct = layers()
    inputs, rest = arguments(3)
    assert torch.equal(captured(*inputs, *rest).pose_opt, direct(*inputs, *rest).pose_opt)
    assert not captured.runner._graphs


def test_wrong_arguments_are_refused_as_without_graphs(captures):
    captured, _ = layers()
    inputs, (camera, cost, pose) = arguments(2)
    with pytest.raises(TypeError, match="camera"):
        captured(*inputs, None, cost, pose)
    with pytest.raises(TypeError, match="x3d"):
        captured(None, *inputs[1:], camera, cost, pose)
    with pytest.raises(ValueError, match="multiple"):
        CUDAGraphs(multiple=0)
    with pytest.raises(TypeError, match="runner"):
        EProPnP4DoF(runner=CUDAGraphs)


def test_copies_begin_without_graphs(captures):
    captured, _ = layers()
    inputs, rest = arguments(2)
    captured(*inputs, *rest)
    for twin in (copy.deepcopy(captured), pickle.loads(pickle.dumps(captured))):
        assert (twin.runner.multiple, twin.runner.most) == (4, 32)
        assert not twin.runner._graphs
