"""The linear start against true poses and OpenCV's SQPnP, which minimises the same form."""

import math

import numpy as np
import pytest
import torch

from epropnp import EProPnP4DoF, EProPnP6DoF, HuberPnPCost, LinearStart, LMSolver, RSLMSolver
from epropnp.levenberg_marquardt import levenberg_marquardt
from epropnp.linear_start import (
    AlgebraicCost,
    algebraic_cost,
    spread_rotations,
)
from epropnp.manifolds import QuatPose
from pnp_scenes import cost_of, manifold_of, near_scene, scene, tilted
from pose_problems import generator


def matrices(dof, pose, gravity=None):
    rotation = manifold_of(dof, gravity).rotation_matrix(pose)
    return torch.cat((rotation, pose[..., :3, None]), dim=-1)


@pytest.mark.parametrize(("dof", "tilt"), [(4, False), (4, True), (6, False)])
def test_exact_matches_give_the_true_pose(dof, tilt):
    gravity = tilted(12) if tilt else None
    problem = scene(dof, 12, 12, seed=1, gravity=gravity)
    starts = LinearStart(num_iter=20)(cost_of(problem, dof, gravity=gravity))
    found = matrices(dof, starts.best()[0], gravity)
    torch.testing.assert_close(found, matrices(dof, problem.pose, gravity), rtol=0, atol=1e-5)
    # twelve numbers in double precision: rounding of the form, relative to costs of some 1e6
    assert (starts.best()[1] < 1e-6).all()


@pytest.mark.parametrize("dof", [4, 6])
def test_form_is_the_sum_of_squared_errors_times_depth(dof):
    problem = scene(dof, 3, 10, noise=3.0)
    cost = cost_of(problem, dof)
    pose = levenberg_marquardt(cost, problem.pose, 1).pose_opt
    points = problem.x3d @ cost.manifold.rotation_matrix(pose).mT + pose[:, None, :3]
    error = (problem.camera.project(points) - problem.x2d) * points[..., 2:] * problem.w2d
    rough = cost.rough_translation()[:, 2].square()
    expected = 0.5 * error.square().sum((1, 2)) / rough
    torch.testing.assert_close(algebraic_cost(cost).value(pose), expected)


@pytest.mark.parametrize("dof", [4, 6])
def test_derivatives_of_the_form_are_those_of_its_value(dof):
    problem = scene(dof, 3, 10, noise=3.0, seed=2)
    cost = algebraic_cost(cost_of(problem, dof))
    step = torch.zeros(3, dof, dtype=torch.float64, requires_grad=True)
    start = problem.pose + 0.05
    start = cost.manifold.project(start)
    (slope,) = torch.autograd.grad(cost.value(cost.manifold.retract(start, step)).sum(), step)
    equations = cost.normal_equations(start)
    torch.testing.assert_close(equations.gradient, slope)

    def entries(move):
        return cost._entries(cost.manifold.retract(start[:1], move))

    jacobian = torch.func.jacrev(entries)(torch.zeros(1, dof, dtype=torch.float64))[0, :, 0]
    torch.testing.assert_close(equations.hessian[0], jacobian.mT @ cost.form[0] @ jacobian)


def test_translation_of_a_rotation_is_the_best_one():
    cost = algebraic_cost(cost_of(scene(6, 4, 10, noise=2.0, seed=3), 6))
    rotation = spread_rotations(cost.form)[:4]
    pose = torch.cat((torch.zeros(4, 3, dtype=torch.float64), rotation), dim=-1)
    pose[:, :3] = cost.place(cost.manifold.rotation_matrix(pose))
    gradient = cost.normal_equations(pose).gradient[:, :3]
    scale = cost.form.diagonal(dim1=-2, dim2=-1).amax(-1, keepdim=True)
    assert (gradient.abs() < 1e-10 * scale).all()


def test_minimum_is_that_of_sqpnp():
    """With equal weights and focal lengths both minimise the same form over rotations."""
    cv2 = pytest.importorskip("cv2")
    problem = scene(6, 16, 12, noise=5.0, seed=4)
    intrinsics = torch.tensor([[900.0, 0, 420], [0, 900, 310], [0, 0, 1]], dtype=torch.float64)
    camera = problem.camera.bind(intrinsics.expand(16, 3, 3))
    problem = problem._replace(camera=camera, w2d=torch.ones_like(problem.w2d))
    found = matrices(6, LinearStart(num_iter=40)(cost_of(problem, 6)).best()[0])
    for x3d, x2d, ours in zip(problem.x3d, problem.x2d, found, strict=True):
        _, vector, place = cv2.solvePnP(
            x3d.numpy(), x2d.numpy(), intrinsics.numpy(), None, flags=cv2.SOLVEPNP_SQPNP
        )
        theirs = np.concatenate((cv2.Rodrigues(vector)[0], place), axis=1)
        # SQPnP stops at changes of about 1e-5 of the squared rotation entries
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=2e-3)


@pytest.mark.parametrize("dof", [4, 6])
def test_both_poses_of_an_ambiguous_object_are_found(dof):
    """A small flat object far away is seen as well from the mirrored side."""
    problem = scene(dof, 8, 20, seed=5, depth=60.0)
    x3d = problem.x3d * torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)
    pose = problem.pose.clone()
    if dof == 4:
        pose[:, 3] = torch.linspace(0.4, 0.9, 8)
    cam = x3d @ manifold_of(dof).rotation_matrix(pose).mT + pose[:, None, :3]
    problem = problem._replace(x3d=x3d, x2d=problem.camera.project(cam), pose=pose)
    cost = cost_of(problem, dof)
    starts = LinearStart(num_iter=20)(cost)
    first, second = cost.manifold.rotation_matrix(starts.pose_init)
    assert ((first - second).flatten(1).norm(dim=1) > 0.1).all()
    assert (starts.pose_init[..., 2] > 0).all()
    assert (starts.best()[1] < 1e-3).all()
    # the second one explains points of several pixels to a fraction of one
    assert (starts.cost[1] / 40 < 1.0).all()


@pytest.mark.parametrize("dof", [4, 6])
def test_points_without_weight_change_nothing(dof):
    problem = scene(dof, 4, 16, noise=1.0, seed=6)
    clean = LinearStart()(cost_of(problem, dof)).pose_init
    rest = scene(dof, 4, 5, noise=300.0, seed=7)
    more = (torch.cat(pair, dim=1) for pair in zip(problem[:3], rest[:3], strict=True))
    x3d, x2d, w2d = more
    w2d[:, 16:] = 0.0
    padded = problem._replace(x3d=x3d, x2d=x2d, w2d=w2d)
    torch.testing.assert_close(LinearStart()(cost_of(padded, dof)).pose_init, clean)


@pytest.mark.parametrize("dof", [4, 6])
def test_one_object_does_not_change_another_and_none_is_refused(dof):
    problem = scene(dof, 4, 16, noise=1.0, seed=8)
    clean = LinearStart()(cost_of(problem, dof))
    w2d = problem.w2d.clone()
    w2d[1] = 0.0
    w2d[2, 2:] = 0.0  # two points are too few for six degrees of freedom
    starts = LinearStart()(cost_of(problem._replace(w2d=w2d), dof))
    assert starts.pose_init.isfinite().all()
    torch.testing.assert_close(starts.pose_init[:, [0, 3]], clean.pose_init[:, [0, 3]])
    empty = cost_of(scene(dof, 0, 16), dof)
    assert LinearStart()(empty).pose_init.shape == (2, 0, problem.pose.shape[1])


@pytest.mark.parametrize("dof", [4, 6])
def test_clipped_and_hidden_points_do_not_break_it(dof):
    """Half of the points are behind the camera or out of the image; subsets help where it fails."""
    cost, pose = near_scene(dof, seed=9)
    lowest = levenberg_marquardt(cost, pose, 50).cost
    start = LinearStart(beside=RSLMSolver(num_proposals=16))
    starts = start(cost, generator())
    assert len(starts.pose_init) == 18
    assert starts.pose_init.isfinite().all()
    reached = levenberg_marquardt(cost, starts.best()[0], 20).cost
    assert (reached < 1.01 * lowest).float().mean() >= 0.5


def test_rotations_are_spread():
    """No rotation is further than 63 degrees from one of the 24, nor are two of them equal."""
    like = torch.zeros((), dtype=torch.float64)
    group = spread_rotations(like)
    assert group.shape == (24, 4)
    products = (group @ group.T).abs()
    assert (products - torch.eye(24)).max() < math.cos(math.pi / 8) + 1e-9
    random = QuatPose().random_rotation((2000,), like, generator())
    nearest = (random @ group.T).abs().amax(1)
    assert (2 * nearest.acos()).max() < math.radians(63)


def test_start_of_a_layer():
    for dof, layer_type in ((4, EProPnP4DoF), (6, EProPnP6DoF)):
        problem = scene(dof, 5, 20, seed=10, dtype=torch.float32)
        layer = layer_type(solver=LMSolver(dof, init_solver=LinearStart()))
        solution = layer(*problem.correspondences, HuberPnPCost(5.0))
        found, true = matrices(dof, solution.pose_opt), matrices(dof, problem.pose)
        torch.testing.assert_close(found, true, rtol=0, atol=1e-2)


def test_form_names_its_matrix():
    cost = AlgebraicCost(torch.eye(12).expand(2, 12, 12), QuatPose())
    assert list(cost.leaves()) == ["form"]
    pose = QuatPose().identity(cost.form).expand(3, 2, 7)
    gradient = cost.weighted_gradient(pose, torch.ones(3, 2), ["form"])["form"]
    entries = torch.eye(3, 4).flatten()
    torch.testing.assert_close(gradient[0], 1.5 * torch.outer(entries, entries))
