"""What is around a CUDA graph, with stand-ins that overwrite their memory as a graph does.

The graphs themselves are tested in `test_devices` where there is a GPU.
"""

import contextlib
import copy
import gc
import pickle
import weakref

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
from graph_stand_ins import Captures, Record, Recording
from pnp_scenes import scene


@pytest.fixture
def recordings(monkeypatch, captures):
    monkeypatch.setattr(Recording, "made", 0)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Recording)
    monkeypatch.setattr(torch.cuda, "graph", Record)
    monkeypatch.setattr(torch.cuda, "Stream", object)
    monkeypatch.setattr(torch.cuda, "stream", contextlib.nullcontext)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    yield Recording
    assert captures.count == 0


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
    found, expected = (
        layer.monte_carlo_forward(*inputs, camera, cost, pose, generator=seeded(1))
        for layer in (captured, direct)  # a gradient and a generator
    )
    assert torch.equal(found.pose_samples, expected.pose_samples)
    assert found.pose_sample_logweights.requires_grad
    captured(*inputs, camera, HuberPnPCost(torch.tensor([1.0, 2.0])), pose)
    captured(*inputs, camera, cost, pose, with_diagnostics=True)
    assert captures.count == 0


def seeded(seed, device="cpu"):
    return torch.Generator(device).manual_seed(seed)


def sampled(layer, inputs, rest, generator, **options):
    with torch.no_grad():
        return layer.monte_carlo_forward(*inputs, *rest, generator=generator, **options)


def test_a_generator_gives_what_it_gives_a_direct_call(recordings):
    """The stand-in has no filled objects here, so that even the samples are the same."""
    captured, direct = layers()
    (inputs, rest), generators = arguments(4), (seeded(1), seeded(1))
    for _ in range(3):
        found, expected = (
            sampled(layer, inputs, rest, generator)
            for layer, generator in zip((captured, direct), generators, strict=True)
        )
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert torch.equal(generators[0].get_state(), generators[1].get_state())
    assert recordings.made == 1


@pytest.mark.parametrize("num", [0, 1, 3, 4, 5])
@pytest.mark.parametrize("fast_mode", [False, True])
def test_a_generator_serves_any_number_of_objects(recordings, num, fast_mode):
    captured, direct = layers()
    options = {"with_pose_cov": True, "with_pose_opt_plus": True, "fast_mode": fast_mode}
    for seed in range(2):  # a replay reads the tensors of its own call
        inputs, (camera, cost, pose) = arguments(num)
        with torch.no_grad():
            found, expected = (
                layer(*inputs, camera, cost, pose + 0.1 * seed, generator=seeded(1), **options)
                for layer in (captured, direct)
            )
        torch.testing.assert_close(found, expected, equal_nan=True)
    result = sampled(captured, inputs, (camera, cost, pose), seeded(1))
    assert result.pose_samples.shape == (32, num, 4)
    assert not result.pose_sample_logweights.requires_grad
    assert recordings.made == 2


def test_one_seed_is_one_result_whatever_generator_has_it(recordings):
    captured, _ = layers()
    inputs, rest = arguments(3)
    generator = seeded(1)
    samples = [
        sampled(captured, inputs, rest, each).pose_samples
        for each in (generator, generator, seeded(1), seeded(2))
    ]
    first, second, again, other = samples
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert not torch.equal(first, other)
    assert recordings.made == 1


def test_a_graph_keeps_neither_the_generator_nor_the_tensors_of_its_call(recordings):
    captured, _ = layers()
    inputs, rest = arguments(4)
    generator = seeded(1)
    sampled(captured, inputs, rest, generator)
    known = [weakref.ref(each) for each in (*inputs, generator)]
    del inputs, generator
    gc.collect()
    assert [each() for each in known] == [None] * 4


def test_a_seeded_result_outlives_the_next_call(recordings):
    captured, _ = layers()
    inputs, rest = arguments(3)
    result = sampled(captured, inputs, rest, seeded(1))
    kept = result.pose_samples.clone()
    sampled(captured, inputs, rest, seeded(2))
    assert torch.equal(result.pose_samples, kept)


def test_one_graph_serves_inference_mode_and_what_is_outside_of_it(recordings):
    captured, _ = layers()
    inputs, rest = arguments(3)
    with torch.inference_mode():
        first = sampled(captured, inputs, rest, seeded(1)).pose_samples.clone()
    assert torch.equal(sampled(captured, inputs, rest, seeded(1)).pose_samples, first)
    assert recordings.made == 1


def test_a_call_without_a_generator_serves_inference_mode_and_what_is_outside_of_it(captures):
    captured, direct = layers()
    inputs, rest = arguments(3)
    expected = direct(*inputs, *rest).pose_opt
    with torch.inference_mode():
        captured(*inputs, *rest)
    with torch.no_grad():
        torch.testing.assert_close(captured(*inputs, *rest).pose_opt, expected)
    assert captures.count == 1


def test_no_garbage_is_collected_during_a_capture(captures, monkeypatch):
    """A graph of a layer that is gone would be: the layer and its graphs refer to each other."""
    captured, gone = layers()
    inputs, rest = arguments(3)
    gone.itself, gone = gone, weakref.ref(gone)
    seen = []

    def capture(*args, **options):
        seen.append((gone(), gc.isenabled()))
        return captures(*args, **options)

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", capture)
    captured(*inputs, *rest)
    assert seen == [(None, False)]
    assert gc.isenabled()


def test_a_call_is_captured_without_gradients(recordings):
    captured, _ = layers()
    (inputs, rest), modes, runner = arguments(4), [], captured.runner

    def watched(function, call):
        return runner(lambda call: modes.append(torch.is_grad_enabled()) or function(call), call)

    captured.runner = watched
    sampled(captured, inputs, rest, seeded(1))
    assert modes == [False] * 4  # three to warm up


def test_a_call_with_a_generator_is_another_graph(captures, recordings):
    captured, _ = layers()
    inputs, rest = arguments(3)
    with torch.no_grad():
        for generator in (None, seeded(1), None, seeded(2)):
            captured(*inputs, *rest, generator=generator)
    assert (captures.count, recordings.made) == (1, 1)
    captures.count = 0


def test_what_is_no_generator_is_left_to_the_layer(recordings):
    captured, _ = layers()
    inputs, rest = arguments(3)
    with pytest.raises(TypeError, match="generator must be a torch.Generator"):
        sampled(captured, inputs, rest, 1)
    assert recordings.made == 0


@pytest.mark.parametrize(
    ("own", "device", "belongs"),
    [
        ("cuda", "cuda:1", True),
        ("cuda:1", "cuda:1", True),
        ("cuda:0", "cuda:1", False),
        ("cpu", "cuda:1", False),
    ],
)
def test_a_generator_belongs_to_one_device(monkeypatch, own, device, belongs):
    class Fake:
        pass

    monkeypatch.setattr(torch, "Generator", Fake)
    generator = Fake()
    generator.device = torch.device(own)
    assert module._draws_on(generator, torch.device(device)) is belongs


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
