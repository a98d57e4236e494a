"""The kernels for a GPU agree with the eager reference, bad input included.

Without a GPU Triton's interpreter runs them: their arithmetic is tested, not how they are compiled.
"""

import math
from dataclasses import replace

import pytest
import torch

from epropnp import EagerBackend, GaussNewton, TrustRegion
from epropnp.distortion import DistortedCamera
from pnp_scenes import around, clipped_cost, cost_of, scene

pytest.importorskip("triton", "3.6", reason='they need triton >= 3.6: pip install ".[gpu]"')

from epropnp.backends.coverage import POINT_LEAVES
from epropnp.backends.triton_gpu import launch
from epropnp.backends.triton_gpu.backend import TritonBackend

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        DEVICE not in launch.DEVICES, reason="triton was imported before TRITON_INTERPRET was set"
    ),
    pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning"),  # numpy interprets
]
EAGER, COMPILED = EagerBackend(), TritonBackend()
REGION = TrustRegion()


def problem(dof, gravity=False, dtype=torch.float64, num=2, points=20):
    """A cost with clipped pixels, outliers and a ragged last tile, and poses near its minima."""
    cost, pose = clipped_cost(dof, num=num, points=points, gravity=gravity, dtype=dtype)
    leaves = {name: leaf.to(DEVICE) for name, leaf in cost.leaves().items()}
    return cost.with_leaves(leaves), pose.to(DEVICE)


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("free_jacobian", [False, True])
def test_minimum_step_by_step(dof, free_jacobian):
    """Rounding alone tells the two apart, so every accepted and rejected step is the same."""
    cost, pose = problem(dof, gravity=dof == 4, points=37)
    cost = replace(cost, camera=replace(cost.camera, clip_jacobian=not free_jacobian))
    start = around(pose, 1, spread=0.5)[0]
    for num_iter in (0, 3):
        expected, found = (b.minimize(cost, start, num_iter, REGION) for b in (EAGER, COMPILED))
        torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("dof", [4, 6])
def test_minimum_in_single_precision(dof):
    """Costs agree to rounding; poses as far as the curvature tells them apart."""
    cost, pose = problem(dof, dtype=torch.float32)
    expected, found = (b.minimize(cost, pose, 3, REGION) for b in (EAGER, COMPILED))
    torch.testing.assert_close(found.cost, expected.cost, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.pose_opt, expected.pose_opt, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(("dof", "spread", "num_iter"), [(4, 0.3, 5), (6, 1.0, 6)])
def test_refused_steps_shrink_the_region(dof, spread, num_iter):
    """Barely damped, an object finds its last step after several that lead nowhere."""
    cost, pose = problem(dof)
    region = TrustRegion(initial_trust_region_radius=1e3)
    start = around(pose, 1, spread)[0]
    path = [EAGER.minimize(cost, start, num_iter - back, region) for back in range(4)]
    last, *before = (solution.pose_opt for solution in path)
    waited = (before[0] == before[1]).all(-1) & (before[1] == before[2]).all(-1)
    assert (waited & (last != before[0]).any(-1)).any()
    found = COMPILED.minimize(cost, start, num_iter, region)
    torch.testing.assert_close(found, path[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dof", [4, 6])
def test_minimum_of_subsets(dof):
    cost, pose = problem(dof, gravity=dof == 4)
    index = torch.rand(2, 2, 21, device=DEVICE).argsort(-1)[..., :9]  # 20 stands for no point
    start = around(pose, 2, spread=0.2)
    expected = EAGER.minimize_subsets(cost, index, start, 2, REGION)
    found = COMPILED.minimize_subsets(cost, index, start, 2, REGION)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dof", [4, 6])
def test_bad_objects_stay_alone(dof):
    cost, pose = problem(dof, dtype=torch.float32, num=5)
    sound = COMPILED.minimize(cost, pose, 1, REGION)
    leaves = {name: cost.leaves()[name].clone() for name in ("weights", "kernel.delta")}
    leaves["weights"][1, 0, 3], leaves["weights"][2, 0, 3] = math.nan, math.inf
    leaves["weights"][3, 0, 3], leaves["kernel.delta"][4] = 1e38, math.nan
    found = COMPILED.minimize(cost.with_leaves(leaves), pose, 1, REGION)
    assert torch.equal(found.pose_opt[0], sound.pose_opt[0])
    assert not torch.equal(found.pose_opt[0], pose[0])
    assert torch.equal(found.pose_opt[1:], pose[1:])
    assert found.cost[[1, 4]].isnan().all()


@pytest.mark.parametrize("dof", [4, 6])
def test_an_object_without_weight_stays_where_it_is(dof):
    cost, pose = problem(dof, num=1)
    cost = cost.with_leaves({"weights": torch.zeros_like(cost.weights)})
    found = COMPILED.minimize(cost, pose, 1, REGION)
    assert torch.equal(found.pose_opt, pose)
    assert not found.hessian.any()


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-11), (torch.float32, 2e-4)])
def test_values_of_samples(dof, dtype, rtol):
    cost, pose = problem(dof, gravity=dof == 4, dtype=dtype, points=37)
    poses = around(pose, 19)
    expected = EAGER.values(cost, poses)
    torch.testing.assert_close(COMPILED.values(cost, poses), expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-9), (torch.float32, 1e-3)])
def test_gradient_by_every_leaf(dof, dtype, rtol):
    """Against plain autograd; single precision to a thousandth of the largest number."""
    cost, pose = problem(dof, gravity=dof == 4, dtype=dtype, points=37)
    poses, names = around(pose, 19), sorted(cost.leaves())
    leaves = [cost.leaves()[name].clone().requires_grad_() for name in names]
    cost = cost.with_leaves(dict(zip(names, leaves, strict=True)))
    weights = torch.linspace(-1.0, 1.0, 19 * 2, dtype=dtype, device=DEVICE).view(19, 2)
    expected = torch.autograd.grad(
        (cost.value(poses) * weights).sum(), leaves, materialize_grads=True
    )
    attached = COMPILED.attach(cost, poses, COMPILED.values(cost, poses))
    found = torch.autograd.grad((attached * weights).sum(), leaves, materialize_grads=True)
    for mine, wanted in zip(found, expected, strict=True):
        assert (mine - wanted).abs().max() <= rtol * wanted.abs().max()


@torch.no_grad()
def test_gradient_of_one_leaf_that_all_objects_share():
    cost, pose = problem(6)
    cost = cost.with_leaves({"kernel.delta": cost.kernel.delta[:1]})
    poses, seeds = around(pose, 3), torch.ones(3, 2, dtype=pose.dtype, device=DEVICE)
    expected, found = (
        b.weighted_gradient(cost, poses, seeds, ["kernel.delta"]) for b in (EAGER, COMPILED)
    )
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("free_jacobian", [False, True])
def test_differentiable_step_and_its_gradient(dof, free_jacobian):
    cost, pose = problem(dof, gravity=dof == 4, points=37)
    cost = replace(cost, camera=replace(cost.camera, clip_jacobian=not free_jacobian))
    leaves = [cost.leaves()[name].clone().requires_grad_() for name in POINT_LEAVES]
    cost = cost.with_leaves(dict(zip(POINT_LEAVES, leaves, strict=True)))
    expected, found = EAGER.newton_step(cost, pose), COMPILED.newton_step(cost, pose)
    # few points of some objects are free: their systems are ill-conditioned
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)
    seed = torch.linspace(-1.0, 1.0, 2 * dof, dtype=pose.dtype, device=DEVICE).view(2, dof)
    wanted = torch.autograd.grad(expected, leaves, seed)
    for grad, other in zip(torch.autograd.grad(found, leaves, seed), wanted, strict=True):
        assert (grad - other).abs().max() < 1e-6 * other.abs().max()


def test_step_of_a_cost_whose_camera_is_learnt_is_eager():
    cost, pose = problem(4)
    cam_mats = cost.camera.cam_mats.clone().requires_grad_()
    cost = cost.with_leaves({"camera.cam_mats": cam_mats})
    (grad,) = torch.autograd.grad(COMPILED.newton_step(cost, pose).sum(), cam_mats)
    (expected,) = torch.autograd.grad(EAGER.newton_step(cost, pose).sum(), cam_mats)
    assert torch.equal(grad, expected)


def test_second_derivatives_are_eager():
    cost, pose = problem(4)
    weights, poses = cost.weights.clone().requires_grad_(), around(pose, 3)
    cost, products = cost.with_leaves({"weights": weights}), []
    for values in (cost.value(poses), COMPILED.attach(cost, poses, cost.value(poses))):
        loss = values.mul(-1.0).logsumexp(0).sum()
        (first,) = torch.autograd.grad(loss, weights, create_graph=True)
        products.extend(torch.autograd.grad(first.square().sum(), weights))
    torch.testing.assert_close(products[1], products[0], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize(("objects", "points"), [(0, 8), (1, 0), (1, 1)])
def test_nothing_to_do(dof, objects, points):
    data = scene(dof, num=objects, points=points)
    cost = cost_of(data, dof, 2.0)
    cost = cost.with_leaves({name: leaf.to(DEVICE) for name, leaf in cost.leaves().items()})
    pose = data.pose.to(DEVICE)
    expected, found = (b.minimize(cost, pose, 1, REGION) for b in (EAGER, COMPILED))
    torch.testing.assert_close(found, expected)
    poses, seeds = around(pose, 2), torch.ones(2, objects, dtype=pose.dtype, device=DEVICE)
    expected, found = (b.values(cost, poses) for b in (EAGER, COMPILED))
    torch.testing.assert_close(found, expected)
    names = list(cost.leaves())
    with torch.no_grad():
        expected, found = (
            b.weighted_gradient(cost, poses, seeds, names) for b in (EAGER, COMPILED)
        )
    torch.testing.assert_close(found, expected)
    assert COMPILED.values(cost, poses[:0]).shape == (0, objects)


def test_what_has_no_kernel_is_eager():
    cost, pose = problem(4)
    coefficients = torch.tensor([0.1, 0, 0, 0, 0], device=DEVICE).double()
    lens = DistortedCamera().bind(cost.camera.cam_mats, distortion=coefficients)
    for other, rule in ((replace(cost, camera=lens), REGION), (cost, GaussNewton())):
        expected, found = (b.minimize(other, pose, 2, rule) for b in (EAGER, COMPILED))
        assert torch.equal(found.pose_opt, expected.pose_opt)
