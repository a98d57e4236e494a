"""Any argument gives a documented result or an error that names it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from epropnp import (
    DistortedCamera,
    EProPnP6DoF,
    HuberPnPCost,
    PlaneCost,
    PosePrior,
    QuatPose,
    Symmetry,
    ViewedCost,
    YawPose,
    matrix_to_pose,
    metric_covariance,
    pose_to_matrix,
    tangent_covariance,
    yaw_pose,
)
from epropnp.conversions import (
    quaternion_to_rotation_vector,
    real_first,
    real_last,
    rotation_vector_to_quaternion,
)
from epropnp.diagnostics import effective_sample_size, pareto_k
from epropnp.robust_kernels import Cauchy, GemanMcClure, Tukey
from pnp_scenes import scene

SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 30]), max_size=3).map(tuple)
DTYPES = st.sampled_from([torch.float32, torch.float64, torch.int64, torch.bool, torch.complex64])
TENSORS = st.builds(lambda shape, dtype: torch.ones(shape, dtype=dtype), SHAPES, DTYPES)
ANYTHING = TENSORS | st.sampled_from([None, 1.0, "pose", [1.0, 2.0], np.ones((2, 7))])
YAW, QUAT = YawPose(), QuatPose()
PLANE = PlaneCost.ground(torch.zeros(2, 3), 1.0, 0.1, QUAT)

# name of the argument, the call, and the shape of a result for a given shape, if there is one
ENTRIES = [
    ("pose", lambda x: pose_to_matrix(QUAT, x), lambda s: (*s[:-1], 4, 4)),
    ("pose", lambda x: pose_to_matrix(YAW, x), lambda s: (*s[:-1], 4, 4)),
    ("pose", yaw_pose, lambda s: (*s[:-1], 4)),
    ("matrix", lambda x: matrix_to_pose(QUAT, x), lambda s: (*s[:-2], 7)),
    ("matrix", lambda x: matrix_to_pose(YAW, x), lambda s: (*s[:-2], 4)),
    ("covariance", lambda x: metric_covariance(QUAT, x), None),
    ("covariance", lambda x: tangent_covariance(YAW, x), None),
    ("quaternion", real_last, lambda s: s),
    ("quaternion", real_first, lambda s: s),
    ("quaternion", quaternion_to_rotation_vector, lambda s: (*s[:-1], 3)),
    ("vector", rotation_vector_to_quaternion, lambda s: (*s[:-1], 4)),
    ("pose", lambda x: PosePrior.from_covariance(x, torch.eye(6), QUAT).pose, lambda s: s),
    (
        "covariance",
        lambda x: PosePrior.from_covariance(torch.ones(2, 7), x, QUAT).root,
        lambda s: (2, 6, 6),
    ),
    ("point_obj", lambda x: PlaneCost.ground(x, 1.0, 0.1, QUAT).point_obj, lambda s: s),
    (
        "normal",
        lambda x: PlaneCost.from_plane(torch.zeros(2, 3), x, 1.0, 0.1, QUAT).normal,
        lambda s: (2, 3),
    ),
    (
        "rotation",
        lambda x: ViewedCost.from_camera(PLANE, x, torch.zeros(3), QUAT).rotation,
        lambda s: s,
    ),
    (
        "translation",
        lambda x: ViewedCost.from_camera(PLANE, torch.eye(3), x, QUAT).translation,
        lambda s: s,
    ),
    (
        "distortion",
        lambda x: DistortedCamera().bind(torch.eye(3), distortion=x).distortion,
        lambda s: (*s[:-1], 5, 1),
    ),
    ("log_weights", pareto_k, lambda s: s[1:]),
    ("log_weights", effective_sample_size, lambda s: s[1:]),
]  # fmt: skip


def outcome(call, value):
    """Result of a call, or the message of a documented error."""
    try:
        return call(value), None
    except (TypeError, ValueError) as error:
        return None, str(error)


@pytest.mark.parametrize(
    ("name", "call", "result"), ENTRIES, ids=[f"{i}-{e[0]}" for i, e in enumerate(ENTRIES)]
)
@given(value=ANYTHING)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_a_result_or_an_error_that_names_the_argument(name, call, result, value):
    found, message = outcome(call, value)
    if message is not None:
        assert name in message
    elif result is not None:
        assert tuple(found.shape) == tuple(result(tuple(value.shape)))


@given(
    squared=st.lists(st.floats(0, 1e20), min_size=1, max_size=5),
    delta=st.just(0.0) | st.floats(1e-3, 1e15),
    kind=st.sampled_from([Cauchy, GemanMcClure, Tukey]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_kernels_take_any_error_and_threshold(squared, delta, kind, dtype):
    """Of up to ten thousand million standard deviations, in float32 too."""
    errors = torch.tensor([squared], dtype=dtype).requires_grad_()
    threshold = torch.tensor([delta], dtype=dtype).requires_grad_()
    kernel = kind(threshold)
    value, weight = kernel.value(errors), kernel.root_weight(errors)
    parabola = 0.5 * errors.detach() * (1 + 1e-5)
    assert value.isfinite().all()
    assert (value >= 0).all()
    assert (value <= parabola + torch.finfo(dtype).tiny).all()
    assert ((weight >= 0) & (weight <= 1)).all()
    for gradient in torch.autograd.grad((value + weight).sum(), (errors, threshold)):
        assert gradient.isfinite().all()


@pytest.mark.parametrize("symmetry", [2, "half turn", torch.eye(4)[None]])
def test_what_is_no_symmetry_is_refused_by_the_layer(symmetry):
    problem = scene(6)
    with pytest.raises(TypeError, match="symmetry must be a Symmetry"):
        EProPnP6DoF(64).monte_carlo_forward(
            *problem.correspondences, HuberPnPCost(1.0), problem.pose, symmetry=symmetry
        )


def test_a_symmetry_needs_a_label_to_be_of_use():
    """Without a true pose there is no target, with or without a symmetry."""
    problem = scene(6)
    result = EProPnP6DoF(64).monte_carlo_forward(
        *problem.correspondences, HuberPnPCost(1.0), symmetry=Symmetry.about((0, 1, 0), 2)
    )
    assert result.cost_target is None
