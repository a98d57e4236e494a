"""One bad object never changes another's result or gradient, and every gradient stays finite."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from epropnp import (
    AdaptiveHuberPnPCost,
    EProPnP4DoF,
    EProPnP6DoF,
    HuberPnPCost,
    LMSolver,
    RSLMSolver,
    monte_carlo_pose_loss,
)
from pnp_scenes import Scene, scene

SLOW = [HealthCheck.too_slow]
LAYERS = {4: EProPnP4DoF, 6: EProPnP6DoF}
BAD = 1  # index of the object that is spoiled
GOOD = [0, 2]


def no_weights(data):
    data.w2d[BAD] = 0


def few_points(data):
    data.w2d[BAD, 3:] = 0


def one_point(data):
    data.w2d[BAD, 1:] = 0


def collinear(data):
    line = torch.linspace(-1, 1, data.x3d.shape[1], dtype=data.x3d.dtype)
    data.x3d[BAD] = line[:, None] * torch.ones(3, dtype=data.x3d.dtype)


def coincident_object_points(data):
    data.x3d[BAD] = 0.3


def coincident_image_points(data):
    data.x2d[BAD] = 300.0


def behind_the_camera(data):
    data.pose[BAD, 2] = -8.0


def nan_object_point(data):
    data.x3d[BAD, 0, 0] = torch.nan


def nan_image_point(data):
    data.x2d[BAD, 2, 1] = torch.nan


def nan_weight(data):
    data.w2d[BAD, 1] = torch.nan


def infinite_weight(data):
    data.w2d[BAD, 1] = torch.inf


def nan_camera(data):
    data.camera.cam_mats[BAD, 0, 0] = torch.nan


def singular_camera(data):
    data.camera.cam_mats[BAD, :2] = 0


def nan_pose(data):
    data.pose[BAD] = torch.nan


def zero_pose(data):
    data.pose[BAD] = 0


def huge_points(data):
    data.x3d[BAD] *= 1e12


def tiny_points(data):
    data.x3d[BAD] *= 1e-12


def huge_weights(data):
    data.w2d[BAD] *= 1e15


def tiny_weights(data):
    data.w2d[BAD] *= 1e-25


def overflowing_pixels(data):
    data.x2d[BAD] = 1e30


def negative_weights(data):
    data.w2d[BAD] *= -1


SPOILERS = {f.__name__: f for f in (
    no_weights, few_points, one_point, collinear, coincident_object_points,
    coincident_image_points, behind_the_camera, nan_object_point, nan_image_point, nan_weight,
    infinite_weight, nan_camera, singular_camera, nan_pose, zero_pose, huge_points, tiny_points,
    huge_weights, tiny_weights, overflowing_pixels, negative_weights,
)}  # fmt: skip
CERTAINLY_INVALID = {
    "no_weights", "one_point", "nan_object_point", "nan_image_point", "nan_weight",
    "infinite_weight", "nan_camera", "nan_pose", "overflowing_pixels", "negative_weights",
}  # fmt: skip


def run(data: Scene, dof, fast, normalize, setting):
    """Everything the layer returns for good objects, and all gradients."""
    inputs = [t.clone().requires_grad_() for t in (*data[:3], data.camera.cam_mats)]
    camera = data.camera.bind(inputs[3], torch.tensor([620, 840]))
    solver = LMSolver(dof, 5, normalize, RSLMSolver(num_proposals=4))
    net = LAYERS[dof](32, solver=solver)
    result = net.monte_carlo_forward(
        *inputs[:3],
        camera,
        setting,
        data.pose,
        with_pose_opt_plus=True,
        fast_mode=fast,
        generator=torch.Generator().manual_seed(0),
    )
    loss = monte_carlo_pose_loss(result.pose_sample_logweights, result.cost_target)
    (loss.sum() + result.pose_opt_plus.sum()).backward()
    return result, loss.detach(), [t.grad for t in inputs]


def check(spoil, dof, fast, normalize, dtype, adaptive):
    setting = AdaptiveHuberPnPCost() if adaptive else HuberPnPCost(1.0)
    clean = scene(dof, points=20, noise=2.0, dtype=dtype)
    spoiled = scene(dof, points=20, noise=2.0, dtype=dtype)
    spoil(spoiled)
    expected, expected_loss, expected_grads = run(clean, dof, fast, normalize, setting)
    result, loss, grads = run(spoiled, dof, fast, normalize, setting)

    assert loss.isfinite().all()
    for grad, other in zip(grads, expected_grads, strict=True):
        assert grad.isfinite().all()
        assert grad[GOOD].abs().sum() > 0
        torch.testing.assert_close(grad[GOOD], other[GOOD], rtol=1e-9, atol=0)
    torch.testing.assert_close(loss[GOOD], expected_loss[GOOD], rtol=1e-9, atol=1e-12)
    assert result.valid[GOOD].all()
    for name in ("pose_opt", "cost", "pose_opt_plus", "pose_cov", "cost_target"):
        ours, theirs = getattr(result, name)[GOOD], getattr(expected, name)[GOOD]
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=0)
    ours, theirs = result.pose_sample_logweights, expected.pose_sample_logweights
    torch.testing.assert_close(ours[:, GOOD], theirs[:, GOOD], rtol=1e-9, atol=0)
    if not result.valid[BAD]:  # then it neither adds to the loss nor trains anything
        assert loss[BAD] == 0
        assert all((grad[BAD] == 0).all() for grad in grads)
    return result


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("name", SPOILERS)
def test_a_bad_object_is_harmless_in_float32(name, dof):
    result = check(SPOILERS[name], dof, False, True, torch.float32, True)
    if name in CERTAINLY_INVALID:
        assert not result.valid[BAD]


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=SLOW)
@given(
    name=st.sampled_from(sorted(SPOILERS)),
    dof=st.sampled_from([4, 6]),
    fast=st.booleans(),
    normalize=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    adaptive=st.booleans(),
)
def test_a_bad_object_is_harmless_in_any_mode(name, dof, fast, normalize, dtype, adaptive):
    check(SPOILERS[name], dof, fast, normalize, dtype, adaptive)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=SLOW)
@given(
    name=st.sampled_from(["x3d", "x2d", "w2d", "pose", "cam_mats"]),
    change=st.sampled_from([torch.add, torch.mul]),
    everywhere=st.booleans(),
    exponent=st.integers(-38, 38),
    dof=st.sampled_from([4, 6]),
    fast=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_numbers_of_any_size_are_harmless(name, change, everywhere, exponent, dof, fast, dtype):
    def spoil(data):
        tensor = data.camera.cam_mats if name == "cam_mats" else getattr(data, name)
        place = tensor[BAD] if everywhere else tensor[BAD, ..., 0]
        place.copy_(change(place, min(10.0**exponent, 3e38)))

    result = check(spoil, dof, fast, True, dtype, True)
    if result.valid[BAD]:
        finite = ("pose_opt", "cost", "pose_opt_plus", "pose_cov", "cost_target")
        assert all(getattr(result, field)[BAD].isfinite().all() for field in finite)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=SLOW)
@given(
    num=st.integers(0, 4),
    points=st.integers(0, 20),
    dof=st.sampled_from([4, 6]),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 5),
)
def test_any_shape_and_scale_is_a_batch(num, points, dof, scale, dtype, seed):
    data = scene(dof, num, points, noise=2.0, seed=seed, dtype=dtype)
    data.pose[:, :3] *= scale
    data = data._replace(x3d=data.x3d * scale)
    result, loss, grads = run(data, dof, False, True, AdaptiveHuberPnPCost())
    assert result.pose_samples.shape == (32, num, 4 if dof == 4 else 7)
    assert loss.shape == (num,)
    assert result.pose_opt.isfinite().all()
    assert all(grad.isfinite().all() for grad in grads)
    if points >= 8 and scale > 1e-2:
        assert result.valid.all()


@pytest.mark.parametrize("dof", [4, 6])
def test_the_scale_of_the_scene_does_not_matter(dof):
    """Metres or kilometres: the same pose, up to the absolute damping of the normal equations."""
    data = scene(dof, points=30, noise=2.0)
    solver = LMSolver(dof, 20)
    setting = AdaptiveHuberPnPCost()
    expected = solver(*data.correspondences, setting, data.pose)
    start = data.pose.clone()
    start[:, :3] *= 1e3
    scaled = solver(data.x3d * 1e3, *data.correspondences[1:], setting, start)
    torch.testing.assert_close(scaled.cost, expected.cost, rtol=1e-4, atol=0)
    torch.testing.assert_close(
        scaled.pose_opt[:, :3] / 1e3, expected.pose_opt[:, :3], rtol=1e-3, atol=0
    )


@pytest.mark.parametrize("dof", [4, 6])
def test_objects_are_solved_alike_alone_and_together(dof):
    data = scene(dof, num=5, points=30, noise=3.0)
    solver = LMSolver(dof, 10)
    setting = AdaptiveHuberPnPCost()
    together = solver(*data.correspondences, setting, data.pose, with_pose_cov=True)
    for b in range(5):
        one = [t[b : b + 1] for t in data[:3]]
        camera = data.camera.bind(data.camera.cam_mats[b : b + 1], torch.tensor([620, 840]))
        alone = solver(*one, camera, setting, data.pose[b : b + 1], with_pose_cov=True)
        torch.testing.assert_close(alone.pose_opt, together.pose_opt[b : b + 1], rtol=0, atol=1e-7)
        torch.testing.assert_close(alone.pose_cov, together.pose_cov[b : b + 1], rtol=1e-5, atol=0)


@pytest.mark.parametrize("points", [0, 1])
def test_objects_without_points_are_invalid_and_harmless(points):
    data = scene(4, points=points)
    result, loss, _ = run(data, 4, False, True, AdaptiveHuberPnPCost())
    assert not result.valid.any()
    assert (loss == 0).all()
    assert result.pose_opt.isfinite().all()
