import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from epropnp import (
    EProPnP4DoF,
    EProPnP6DoF,
    HuberPnPCost,
    LMSolver,
    PerspectiveCamera,
    RSLMSolver,
    levenberg_marquardt,
    monte_carlo_pose_loss,
)
from epropnp.kernels import Huber
from epropnp.manifolds import QuatPose, YawPose
from epropnp.reprojection import ReprojectionCost
from epropnp.symmetry import Symmetry, set_cost, symmetric_pose_loss
from pnp_scenes import cost_of, random_pose, scene, tilted
from pose_problems import INTRINSICS, generator, sampler

MANIFOLDS = [
    pytest.param(YawPose(), id="yaw"),
    pytest.param(YawPose(tilted(3)), id="tilted yaw"),
    pytest.param(QuatPose(), id="quaternion"),
]


def test_turns_about_an_axis_agree_with_scipy():
    symmetry = Symmetry.about((1.0, 2.0, -2.0), 5, offset=(0.1, 0.2, 0.3))
    vectors = np.outer(np.arange(5) * 2 * math.pi / 5, np.array([1.0, 2.0, -2.0]) / 3)
    np.testing.assert_allclose(
        symmetry.transforms[:, :3, :3], Rotation.from_rotvec(vectors).as_matrix(), atol=1e-14
    )
    point = torch.tensor([0.1, 0.2, 0.3, 1.0], dtype=torch.float64)
    assert (symmetry.transforms @ point - point).abs().max() < 1e-14


@pytest.mark.parametrize("manifold", MANIFOLDS)
def test_a_symmetric_object_looks_the_same_in_all_equivalent_poses(manifold):
    """Points of a shape with four-fold symmetry about an upright axis are only permuted."""
    offset = (0.2, 0.0, -0.3)
    symmetry = Symmetry.about((0.0, 1.0, 0.0), 4, offset)
    corner = torch.tensor([0.5, 0.1, 0.3]).double() + torch.tensor(offset).double()
    points = symmetry.transforms[:, :3, :3] @ corner + symmetry.transforms[:, :3, 3]
    pose = random_pose(manifold.dof, 3, torch.Generator().manual_seed(1))
    equivalent = symmetry.equivalent(manifold, pose)
    assert equivalent.shape == (4, 3, manifold.num_params)
    placed = points @ manifold.rotation_matrix(equivalent).mT + equivalent[..., None, :3]
    for turned in placed[1:]:
        distance = torch.cdist(turned, placed[0])
        assert (distance.amin(1) < 1e-10).all()
        assert (distance.argmin(1) != torch.arange(4)).all()


def test_cost_of_a_set_of_poses():
    costs = torch.tensor([[3.0, 1000.0], [3.0, 1002.0], [800.0, 1004.0]]).double()
    expected = [3 - math.log(2), 1000 - math.log(1 + math.exp(-2) + math.exp(-4))]
    torch.testing.assert_close(set_cost(costs), torch.tensor(expected).double())


def test_a_set_of_one_pose_is_the_plain_loss():
    problem = scene(6, noise=1.0)
    cost = cost_of(problem, 6)
    log_weights = torch.randn(20, 3, generator=generator()).double()
    mine = symmetric_pose_loss(log_weights, cost, problem.pose[None])
    torch.testing.assert_close(mine, monte_carlo_pose_loss(log_weights, cost.value(problem.pose)))


def test_objects_of_different_kinds_keep_their_own_symmetry():
    kinds = [Symmetry.about((0.0, 1.0, 0.0), order) for order in (1, 4, 2)]
    together = Symmetry.of_objects(kinds)
    pose = random_pose(6, 3, torch.Generator().manual_seed(1))
    poses = together.equivalent(QuatPose(), pose)
    assert together.exists.sum(0).tolist() == [1, 4, 2]
    costs = torch.arange(12.0).view(4, 3)
    for place, kind in enumerate(kinds):
        alone = kind.equivalent(QuatPose(), pose[place : place + 1])[:, 0]
        torch.testing.assert_close(poses[: len(alone), place], alone)
        expected = set_cost(costs[: len(alone), place : place + 1])[0]
        torch.testing.assert_close(set_cost(costs, together.exists)[place], expected)


def test_it_moves_to_where_it_is_used():
    kinds = Symmetry.of_objects([Symmetry.about((0.0, 1.0, 0.0), order) for order in (1, 2)])
    moved = kinds.to("cpu")
    assert torch.equal(moved.transforms, kinds.transforms)
    assert torch.equal(moved.exists, kinds.exists)
    assert moved.upright
    assert not Symmetry.about((1.0, 0.0, 0.0), 2).upright


@pytest.mark.parametrize("dof", [4, 6])
def test_the_layer_takes_a_symmetry(dof):
    """Its target is the set, and all of the set competes as a start."""
    problem = scene(dof, 3, noise=1.0)
    symmetry = Symmetry.of_objects([Symmetry.about((0.0, 1.0, 0.0), n) for n in (2, 1, 3)])
    kind = EProPnP4DoF if dof == 4 else EProPnP6DoF
    layer = kind(128, solver=LMSolver(dof))  # without a start of its own
    manifold = YawPose() if dof == 4 else QuatPose()
    label = symmetry.equivalent(manifold, problem.pose)[1]  # turned where there is a symmetry
    x3d = problem.x3d.clone().requires_grad_()
    arguments = (x3d, *problem.correspondences[1:], HuberPnPCost(5.0))
    result = layer.monte_carlo_forward(*arguments, label, symmetry=symmetry, generator=generator())
    assert (result.pose_opt[:, :3] - problem.pose[:, :3]).norm(dim=1).max() < 0.3
    cost = cost_of(problem, dof, 5.0)
    expected = set_cost(cost.value(symmetry.equivalent(manifold, label)), symmetry.exists)
    torch.testing.assert_close(result.cost_target.detach(), expected)
    loss = monte_carlo_pose_loss(result.pose_sample_logweights, result.cost_target)
    loss.sum().backward()
    assert (x3d.grad.flatten(1).norm(dim=1) > 0).all()
    plain = layer.monte_carlo_forward(*arguments, label, generator=generator())
    assert (plain.cost_target[[0, 2]] > result.cost_target[[0, 2]] + 100).all()


def test_a_label_that_is_not_finite_trains_nothing():
    problem = scene(6, 3, noise=1.0)
    label = problem.pose.clone()
    label[0, 5] = math.nan
    x3d = problem.x3d.clone().requires_grad_()
    layer = EProPnP6DoF(64, solver=LMSolver(6, init_solver=RSLMSolver()))
    result = layer.monte_carlo_forward(
        x3d, *problem.correspondences[1:], HuberPnPCost(5.0), label,
        symmetry=Symmetry.about((0.0, 1.0, 0.0), 2), generator=generator(),
    )  # fmt: skip
    loss = monte_carlo_pose_loss(result.pose_sample_logweights, result.cost_target)
    loss.sum().backward()
    assert result.valid.tolist() == [False, True, True]
    assert loss[0] == 0
    assert (x3d.grad[0] == 0).all()
    assert (x3d.grad[1:].flatten(1).norm(dim=1) > 0).all()


def trained(symmetric, steps=120):
    """Object points and scale learnt from labels that name one of two equal poses at random.

    Returns:
        Mean loss of the last steps, distance of the points from the axis of symmetry (metres, root
        mean square), and error of the translation, metres.
    """
    draw = generator(0)
    manifold, symmetry = YawPose(), Symmetry.about((0.0, 1.0, 0.0), 2)
    pose = torch.tensor([[0.3, 0.2, 8.0, 0.6]], dtype=torch.float64)
    labels = symmetry.equivalent(manifold, pose)
    camera = PerspectiveCamera().bind(INTRINSICS)
    truth = torch.randn(16, 3, generator=draw).double() * torch.tensor([1.5, 0.7, 0.8]).double()
    x2d = camera.project(truth @ manifold.rotation_matrix(pose).mT + pose[:, None, :3])
    kernel = Huber(torch.full((1,), 3.0).double())
    x3d = (0.05 * torch.randn(1, 16, 3, generator=draw).double()).requires_grad_()
    log_scale = torch.full((1, 1, 1), -1.0).double().requires_grad_()
    optimizer = torch.optim.Adam([x3d, log_scale], lr=0.05)
    losses = []
    for _ in range(steps):
        w2d = log_scale.exp().expand(1, 16, 2)
        cost = ReprojectionCost.from_correspondences(x3d, x2d, w2d, camera, kernel, manifold)
        best = labels[cost.value(labels).argmin(0), torch.arange(1)]
        found = levenberg_marquardt(cost, best, 5)
        drawn = sampler(cost, 64, 4)(cost, found.pose_opt, found.covariance()[0], draw)
        label = labels[int(torch.randint(2, (1,), generator=draw))]
        true_poses = symmetry.equivalent(manifold, label) if symmetric else label[None]
        loss = symmetric_pose_loss(drawn.pose_sample_logweights, cost, true_poses).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    radius = x3d.detach()[..., ::2].square().sum(-1).mean().sqrt()
    error = (found.pose_opt[0, :3] - pose[0, :3]).norm()
    return sum(losses[-20:]) / 20, radius.item(), error.item()


def test_the_set_prevents_the_collapse_onto_the_axis():
    """Asked to choose at random, points stay near the axis, where both choices agree."""
    plain, with_set = trained(symmetric=False), trained(symmetric=True)
    assert with_set[0] < plain[0] - 5.0
    assert with_set[1] > 1.5 * plain[1]
    assert with_set[2] < 0.1 < plain[2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Symmetry.from_transforms(torch.eye(4)), r"\(E, B, 4, 4\), got \(4, 4\)"),
        (lambda: Symmetry(torch.eye(4)[None], torch.ones(2, 1)), r"exists must be \(1, 4\)"),
        (
            lambda: Symmetry.of_objects([Symmetry.of_objects([Symmetry.about((0, 1, 0), 1)])]),
            "symmetry of each kind",
        ),
        (
            lambda: Symmetry.of_objects([Symmetry.about((0, 1, 0), 1)] * 2).equivalent(
                QuatPose(), torch.zeros(3, 7)
            ),
            "symmetries of 2 objects for 3",
        ),
        (lambda: Symmetry.from_rotations(2 * torch.eye(3)[None]), "must hold rotations"),
        (
            lambda: Symmetry.from_rotations(torch.diag(torch.tensor([1, 1, -1.0]))[None]),
            "reflection",
        ),
        (
            lambda: Symmetry.from_rotations(torch.diag(torch.tensor([-1, 1, -1.0]))[None]),
            "identity must be among",
        ),
        (lambda: Symmetry.about((0.0, 0.0, 0.0), 2), "an axis of three numbers"),
        (lambda: Symmetry.about((0.0, 1.0, 0.0), 0), "an order"),
        (
            lambda: Symmetry.about((1.0, 0.0, 0.0), 2).equivalent(YawPose(), torch.zeros(1, 4)),
            "about the object's y axis only",
        ),
    ],
)
def test_what_is_no_symmetry_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
