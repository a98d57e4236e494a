import pytest
import torch

from epropnp import AdaptiveHuberPnPCost, HuberPnPCost, PerspectiveCamera, YawPose
from epropnp.gate import FiniteGate
from epropnp.problem import build_problem
from pnp_scenes import scene


def build(data, **changes):
    parts = {**data._asdict(), **changes}
    setting = parts.get("cost_fun", AdaptiveHuberPnPCost())
    arguments = (parts[k] for k in ("x3d", "x2d", "w2d", "camera"))
    return build_problem(*arguments, setting, YawPose(), parts.get("normalize", False))


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        ((torch.float32,) * 3, torch.float32),
        ((torch.float16, torch.bfloat16, torch.float16), torch.float32),
        ((torch.float16, torch.float64, torch.float32), torch.float64),
    ],
)
def test_the_widest_type_is_used_and_at_least_float32(dtypes, expected):
    data = scene(4)
    x3d, x2d, w2d = (t.to(d) for t, d in zip(data[:3], dtypes, strict=True))
    cost = build(data, x3d=x3d, x2d=x2d, w2d=w2d).cost
    assert {p.dtype for p in cost.leaves().values()} == {expected}


def test_layout_in_memory_does_not_matter():
    data = scene(4)
    strided = {
        name: getattr(data, name).transpose(0, 1).contiguous().transpose(0, 1)
        for name in ("x3d", "x2d", "w2d")
    }
    assert not strided["x3d"].is_contiguous()
    plain, other = build(data).cost, build(data, **strided).cost
    assert torch.equal(plain.value(data.pose), other.value(data.pose))


@pytest.mark.parametrize(("usable", "valid"), [(0, False), (1, False), (2, True), (24, True)])
def test_an_object_needs_two_points_for_four_degrees_of_freedom(usable, valid):
    data = scene(4)
    data.w2d[1, usable:] = 0
    assert build(data).valid.tolist() == [True, valid, True]


@pytest.mark.parametrize("name", ["x3d", "x2d", "w2d", "cam_mats"])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_an_object_that_is_not_finite_has_no_weight(name, bad):
    data = scene(4)
    tensor = data.camera.cam_mats if name == "cam_mats" else getattr(data, name)
    tensor[1, 0, 0] = bad
    problem = build(data)
    assert problem.valid.tolist() == [True, False, True]
    assert (problem.cost.weights[1] == 0).all()
    assert all(p.isfinite().all() for p in problem.cost.leaves().values())


def test_gradients_that_are_not_finite_stop_at_their_object():
    finite = torch.tensor([True, False, True])
    tensors = [torch.ones(3, 4, requires_grad=True), torch.ones(3, requires_grad=True)]
    first, second = FiniteGate.apply(finite, *tensors)
    assert first[1].eq(0).all()
    first.backward(torch.tensor([[1.0], [1.0], [torch.nan]]).expand(3, 4), retain_graph=True)
    assert tensors[0].grad.tolist() == [[1.0] * 4, [0.0] * 4, [0.0] * 4]
    second.sum().backward()
    assert tensors[1].grad.tolist() == [1.0, 0.0, 1.0]


def test_a_threshold_that_is_not_finite_has_a_finite_gradient():
    delta = torch.tensor([1.0, torch.nan, 2.0], dtype=torch.float64, requires_grad=True)
    data = scene(4, noise=30.0)
    problem = build(data, cost_fun=HuberPnPCost(delta))
    assert problem.valid.tolist() == [True, False, True]  # known before anything is solved
    problem.cost.value(data.pose).sum().backward()
    assert delta.grad.isfinite().all()
    assert (delta.grad[[0, 2]] > 0).all()


def test_a_start_that_is_not_finite_becomes_the_identity():
    data = scene(4)
    data.pose[1, 2] = torch.nan
    start, finite = build(data).start(data.pose)
    assert finite.tolist() == [True, False, True]
    assert (start[1] == 0).all()
    assert torch.equal(start[[0, 2]], data.pose[[0, 2]])


def test_shared_intrinsics_serve_all_objects():
    data = scene(4)
    shared = data.camera.bind(data.camera.cam_mats[0], torch.tensor([620, 840]))
    value = build(data, camera=shared).cost.value(data.pose)
    assert torch.equal(value, build(data).cost.value(data.pose))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x3d": torch.zeros(3, 24, 2)}, r"x3d must be \(objects, points, 3\), got \(3, 24, 2\)"),
        ({"x3d": torch.zeros(24, 3)}, "x3d must be"),
        ({"x2d": torch.zeros(3, 23, 2)}, r"x2d must be \(3, 24, 2\), got \(3, 23, 2\)"),
        ({"w2d": torch.zeros(3, 24)}, r"w2d must be \(3, 24, 2\)"),
        ({"camera": PerspectiveCamera()}, "the camera has no intrinsics"),
        (
            {"camera": PerspectiveCamera().bind(torch.eye(3).repeat(2, 1, 1))},
            "camera.cam_mats has 2 entries for 3 objects",
        ),
    ],
)
def test_input_that_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        build(scene(4), **changes)
