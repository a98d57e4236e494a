"""Any argument of the layer, its parts and its loss gives a documented result or a named error."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from epropnp import (
    AMIS,
    AdaptiveHuberPnPCost,
    EagerBackend,
    EProPnP4DoF,
    EProPnP6DoF,
    HuberPnPCost,
    LinearStart,
    LMSolver,
    MonteCarloPoseLoss,
    PerspectiveCamera,
    RSLMSolver,
    monte_carlo_pose_loss,
    pose_distribution,
)
from epropnp.proposals import QuaternionProposals, YawProposals
from pnp_scenes import scene

SCENES = {dof: scene(dof, num=2, points=6) for dof in (4, 6)}
LAYERS = {4: EProPnP4DoF, 6: EProPnP6DoF}
PROPOSALS = {4: YawProposals, 6: QuaternionProposals}

SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 4, 6, 7]), max_size=3).map(tuple)
FITTING = st.sampled_from([(2, 6, 3), (2, 6, 2), (2, 6), (2, 4), (2, 7), (2, 2), (2,), (3, 3), ()])
DTYPES = st.sampled_from([torch.float32, torch.float64, torch.int64, torch.bool, torch.complex64])
NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 1e30, torch.nan, torch.inf, -torch.inf, 0.3])
TENSORS = st.builds(
    lambda shape, number, dtype: (
        torch.full(shape, number).nan_to_num(1.0, 1.0, 1.0).to(dtype)
        if dtype in (torch.int64, torch.bool)
        else torch.full(shape, number, dtype=dtype)
    ),
    SHAPES | FITTING,
    NUMBERS,
    DTYPES,
)
NO_TENSORS = st.sampled_from(
    [None, True, False, -1, 0, 1, 4, 6, 7, 1.0, -0.5, torch.nan, torch.inf, "pose", "all",
     [1.0, 2.0], [[1.0]], {}, object(), np.ones((2, 6, 3)), HuberPnPCost(1.0), HuberPnPCost]
)  # fmt: skip
ANYTHING = TENSORS | NO_TENSORS
few = partial(settings, deadline=None, derandomize=True)


def outcome(call):
    """Result of a call, or the message of a documented error."""
    try:
        return call(), None
    except (TypeError, ValueError) as error:
        return None, str(error)


def quick(dof, **parts):
    """A layer that takes hardly any time."""
    start = RSLMSolver(num_points=4, num_proposals=2, num_iter=1)
    settings = {"num_iter": 2, "init_solver": start, "backend": EagerBackend()}
    kept = {name: parts.pop(name) for name in ("normalize",) if name in parts}
    solver = LMSolver(dof, **settings | kept)
    return LAYERS[dof](**{"mc_samples": 8, "num_iter": 2, "solver": solver} | kept | parts)


def arguments(dof, **changes):
    """Arguments of a call of the layer."""
    data = SCENES[dof]
    names = ("x3d", "x2d", "w2d", "camera")
    given = dict(zip(names, data.correspondences, strict=True))
    return {**given, "cost_fun": HuberPnPCost(2.0), "pose_init": data.pose} | changes


def assert_sound(dof, result):
    """Shapes of a result for two objects, and finite numbers where they are valid."""
    assert result.pose_opt.shape == SCENES[dof].pose.shape
    assert result.valid.shape == (2,)
    assert result.valid.dtype == torch.bool
    assert result.pose_opt[result.valid].isfinite().all()
    if hasattr(result, "pose_sample_logweights"):
        weights = result.pose_sample_logweights
        assert weights.shape == (8, 2)
        assert weights.logsumexp(0).isfinite()[result.valid].all()
        if result.cost_target is not None:
            loss = monte_carlo_pose_loss(weights, result.cost_target)
            assert loss.isfinite().all()
            assert (loss[~result.valid] == 0).all()


CALLS = {
    "forward": lambda dof, given: quick(dof)(**given),
    "monte_carlo_forward": lambda dof, given: quick(dof).monte_carlo_forward(**given),
    "pose_distribution": lambda dof, given: pose_distribution(quick(dof), **given),
    "solver": lambda dof, given: quick(dof).solver(**given),
}
FLAGS = ["force_init_solve", "fast_mode", "with_pose_opt_plus", "with_diagnostics"]
SHARED = ["x3d", "x2d", "w2d", "camera", "cost_fun", "pose_init", "mask", "generator"]
NAMES = {
    "forward": [*SHARED, *FLAGS, "with_pose_cov"],
    "monte_carlo_forward": [*SHARED, *FLAGS, "symmetry"],
    "pose_distribution": SHARED,
    "solver": [*SHARED, *FLAGS, "with_pose_cov"],
}


@pytest.mark.parametrize(("call", "name"), [(c, n) for c, names in NAMES.items() for n in names])
@given(dof=st.sampled_from([4, 6]), value=ANYTHING)
@few(max_examples=25)
def test_calls_of_the_layer(call, name, dof, value):
    result, message = outcome(lambda: CALLS[call](dof, arguments(dof, **{name: value})))
    if message is not None:
        named = {"x3d": "x3d|x2d", "w2d": "w2d"}.get(name, name)  # x2d must be like x3d
        assert any(part in message for part in named.split("|"))
    elif name == "x3d":
        assert result.valid.shape == value.shape[:1]
    else:
        assert_sound(dof, result)


@pytest.mark.parametrize("call", CALLS)
@given(
    dof=st.sampled_from([4, 6]),
    name=st.sampled_from(["x3d", "x2d", "w2d", "pose_init"]),
    number=NUMBERS,
    dtype=st.sampled_from([torch.float16, torch.float32, torch.float64]),
    whole=st.booleans(),
)
@few(max_examples=25)
def test_any_number_in_any_place(call, dof, name, number, dtype, whole):
    """One bad number, or nothing but bad numbers, never changes what the other object gets."""
    given = arguments(dof)
    tensor = given[name].clone()
    (tensor[0] if whole else tensor[0].flatten()[:1]).fill_(number)
    tensor = tensor.to(dtype)
    result = CALLS[call](dof, given | {name: tensor})
    assert_sound(dof, result)
    assert result.valid[1]


@given(value=ANYTHING)
@few(max_examples=25)
def test_the_layer_of_a_distribution(value):
    _, message = outcome(lambda: pose_distribution(value, **arguments(4)))
    assert "layer" in message


CONSTRUCTORS = [
    *((f"layer {name}", name, lambda dof, given: quick(dof, **given)) for name in
      ("mc_samples", "num_iter", "normalize", "solver", "proposals", "peaks", "backend")),
    ("layer sampler", "sampler", lambda dof, given: quick(dof, **given)),
    *((f"solver {name}", name, lambda dof, given: LAYERS[dof](
        8, 2, solver=LMSolver(**{"dof": dof, "num_iter": 1} | given)))
      for name in ("dof", "num_iter", "normalize", "init_solver", "trust_region",
                   "published_fast_mode", "implicit_gradient", "backend")),
    *((f"random start {name}", name, lambda dof, given: LAYERS[dof](
        8, 2, solver=LMSolver(dof, 1, init_solver=RSLMSolver(**{"num_proposals": 2} | given))))
      for name in ("dof", "num_points", "num_proposals", "num_iter")),
    *((f"linear start {name}", name, lambda dof, given: LAYERS[dof](
        8, 2, solver=LMSolver(dof, 1, init_solver=LinearStart(**given))))
      for name in ("num_minima", "num_iter", "beside")),
    *((f"AMIS {name}", name, lambda dof, given: quick(dof, sampler=AMIS(
        **{"num_samples": 8, "num_iter": 2, "proposals": PROPOSALS[dof]()} | given)))
      for name in ("num_samples", "num_iter", "proposals")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "make"), [c[1:] for c in CONSTRUCTORS], ids=lambda c: str(c)[:20])
@given(dof=st.sampled_from([4, 6]), value=ANYTHING)
@few(max_examples=25)
def test_constructors(name, make, dof, value):
    """What can be made also works: its mistakes do not come out in the middle of a call."""
    layer, message = outcome(lambda: make(dof, {name: value}))
    if message is not None:
        assert name in message
        return
    result, message = outcome(lambda: layer(**arguments(dof)))
    if message is not None:  # a start of other poses
        assert f"{name}=" in message
        return
    assert_sound(dof, result)
    samples = layer.monte_carlo_forward(**arguments(dof))
    assert samples.pose_sample_logweights.isfinite().any()


@pytest.mark.parametrize("name", ["cam_mats", "img_shape", "lb", "ub", "gravity"])
@given(value=ANYTHING, dof=st.sampled_from([4, 6]))
@few(max_examples=40)
def test_bind(name, value, dof):
    bound = {"lb": -100.0, "ub": 1000.0} if name in ("lb", "ub") else {}
    given = {"cam_mats": SCENES[dof].camera.cam_mats, **bound, name: value}
    camera, message = outcome(lambda: PerspectiveCamera().bind(**given))
    if message is None:  # the number of objects is known in a call only
        result, message = outcome(lambda: quick(dof)(**arguments(dof, camera=camera)))
    if message is None:
        assert_sound(dof, result)
    else:
        shown = {"lb": "lower", "ub": "upper", "img_shape": "lower"}.get(name, name)
        assert name in message or shown in message


@pytest.mark.parametrize("name", ["z_min", "allowed_border", "integer_centers", "clip_jacobian"])
@given(value=ANYTHING)
@few(max_examples=25)
def test_settings_of_a_camera(name, value):
    shape = torch.tensor([620, 840])
    cam_mats = SCENES[4].camera.cam_mats
    camera, message = outcome(lambda: PerspectiveCamera(**{name: value}).bind(cam_mats, shape))
    if message is None:
        assert_sound(4, quick(4)(**arguments(4, camera=camera)))
    else:
        assert name in message


@pytest.mark.parametrize(
    ("name", "make"),
    [("delta", HuberPnPCost)]
    + [(n, AdaptiveHuberPnPCost) for n in ("relative_delta", "delta_gradient", "every_point")],
)
@given(value=ANYTHING, dof=st.sampled_from([4, 6]))
@few(max_examples=40)
def test_thresholds(name, make, value, dof):
    cost_fun, message = outcome(lambda: make(**{name: value}))
    if message is None:
        result, message = outcome(lambda: quick(dof)(**arguments(dof, cost_fun=cost_fun)))
    if message is None:
        assert_sound(dof, result)
    else:
        assert name in message


@pytest.mark.parametrize("name", ["pose_sample_logweights", "cost_target"])
@given(value=ANYTHING)
@few(max_examples=40)
def test_loss_function(name, value):
    given = {"pose_sample_logweights": torch.zeros(4, 2), "cost_target": torch.ones(2)}
    loss, message = outcome(lambda: monte_carlo_pose_loss(**given | {name: value}))
    if message is None:
        assert loss.shape == (2,)
        assert loss.isfinite().all()
    else:
        assert name in message or "cost_target" in message  # which must be like the weights


LOSS = {"loss_weight": 1.0, "init_norm_factor": 1.0, "momentum": 0.1}


@pytest.mark.parametrize("name", [*LOSS, "norm_factor", "weight", "avg_factor"])
@given(value=ANYTHING)
@few(max_examples=40)
def test_loss_module(name, value):
    def call():
        made = MonteCarloPoseLoss(**LOSS | ({name: value} if name in LOSS else {}))
        scale = {"norm_factor": 1.0} | ({} if name in LOSS else {name: value})
        loss = made(torch.zeros(4, 2), torch.ones(2), **scale)
        return loss, made.norm_factor

    result, message = outcome(call)
    if message is not None:
        assert name in message
        return
    loss, norm_factor = result
    assert loss.shape == ()
    assert norm_factor.isfinite()
    if not isinstance(value, torch.Tensor) and value is not torch.inf:
        assert loss.isfinite()
