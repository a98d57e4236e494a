"""Solver, start, sampler, loss and distribution on sums of costs."""

import math

import pytest
import torch

from epropnp import (
    EagerBackend,
    EProPnP4DoF,
    EProPnP6DoF,
    LMSolver,
    RSLMSolver,
    levenberg_marquardt,
    monte_carlo_pose_loss,
)
from epropnp.amis import PoseSamples
from epropnp.implicit import implicit_pose
from epropnp.manifolds import QuatPose, YawPose
from epropnp.posterior import (
    cost_distribution,
    distribution_from_samples,
    laplace_log_evidence,
)
from epropnp.reprojection import ReprojectionCost
from epropnp.tangent import step_between
from epropnp.terms import PlaneCost, PosePrior, SumCost, ViewedCost
from pnp_scenes import cost_of, scene, tilted
from pose_problems import box_points, generator, noisy_pnp_cost, random_poses, sampler

NUM = 3


def two_priors(dof=4):
    manifold = YawPose() if dof == 4 else QuatPose()
    poses = [random_poses(NUM, dof, seed) for seed in (1, 1)]
    poses[1] = manifold.retract(poses[0], torch.full((NUM, dof), 0.1).double())
    spreads = []
    for seed in (2, 3):
        factor = 0.2 * torch.randn(NUM, dof, dof, generator=generator(seed)).double()
        spreads.append(factor @ factor.mT + 0.02 * torch.eye(dof).double())
    terms = [
        PosePrior.from_covariance(pose, spread, manifold)
        for pose, spread in zip(poses, spreads, strict=True)
    ]
    return SumCost(tuple(terms)), poses, spreads


def test_two_normal_densities_multiply_as_the_formula_says():
    """Mode, covariance and evidence of a product of normal densities are known exactly."""
    cost, means, spreads = two_priors()
    precision = [torch.linalg.inv(spread) for spread in spreads]
    covariance = torch.linalg.inv(precision[0] + precision[1])
    mean = covariance @ sum(p @ m.unsqueeze(-1) for p, m in zip(precision, means, strict=True))
    solution = levenberg_marquardt(cost, means[0], 40)
    torch.testing.assert_close(solution.pose_opt, mean.squeeze(-1), rtol=1e-6, atol=1e-7)
    found = distribution_from_samples(
        cost,
        solution.pose_opt,
        sampler(cost)(cost, solution.pose_opt, solution.covariance()[0], generator()),
    )
    torch.testing.assert_close(found.pose_cov, covariance, rtol=1e-3, atol=1e-6)
    between = torch.distributions.MultivariateNormal(means[1], spreads[0] + spreads[1])
    log_constants = sum(
        2 * math.log(2 * math.pi) + 0.5 * torch.linalg.slogdet(spread).logabsdet
        for spread in spreads
    )
    expected = between.log_prob(means[0]) + log_constants
    error = (1 / found.effective_sample_size - 1 / 512).clamp(min=0).sqrt()
    assert ((found.log_evidence - expected).abs() < 4.5 * error).all()


def points_prior_and_ground(dof, noise=2.0):
    """Noisy points, and a prior and the height of the ground that both know the truth."""
    manifold = YawPose() if dof == 4 else QuatPose()
    pose = random_poses(NUM, dof, 4)
    points = noisy_pnp_cost(pose, box_points(NUM, 12, seed=4), noise, manifold, seed=4)
    prior = PosePrior.from_covariance(pose, 0.01 * torch.eye(dof).double(), manifold)
    bottom = torch.tensor([[0.0, 0.5, 0.0]]).double().expand(NUM, 3)
    place = manifold.rotation_matrix(pose) @ bottom[0] + pose[:, :3]
    plane = PlaneCost.ground(bottom, place[:, 1], 0.01, manifold)
    return (points, prior, plane), pose, manifold


@pytest.mark.parametrize("dof", [4, 6])
def test_what_is_known_besides_the_points_sharpens_the_pose(dof):
    terms, pose, _ = points_prior_and_ground(dof)
    spreads, errors = [], []
    for some in (terms[:1], terms[:2], terms[::2], terms):
        found = levenberg_marquardt(SumCost(some), pose, 20)
        spreads.append(torch.linalg.slogdet(found.covariance()[0]).logabsdet)
        errors.append((found.pose_opt - pose)[:, :3].norm(dim=1).mean())
    alone, with_prior, with_plane, both = spreads
    assert (with_prior < alone).all()
    assert (with_plane < alone).all()
    assert (both < torch.minimum(with_prior, with_plane)).all()
    assert errors[3] < errors[0]


def rig(dof, blind=False, noise=0.5):
    """Two cameras two metres apart; if blind, the first one sees nothing of the object."""
    manifold = YawPose(tilted(NUM)) if dof == 4 else QuatPose()
    problem = scene(dof, NUM, 20, gravity=getattr(manifold, "gravity", None), seed=3)
    first = cost_of(problem, dof, 1e6, getattr(manifold, "gravity", None))
    rotation = tilted(NUM, 7)
    translation = torch.tensor([-2.0, 0.1, 0.3]).double().expand(NUM, 3)
    camera = problem.camera.bind(problem.camera.cam_mats)
    cloud = problem.x3d @ manifold.rotation_matrix(problem.pose).mT + problem.pose[:, None, :3]
    seen = camera.project(cloud @ rotation.mT + translation[:, None])
    seen = seen + noise * torch.randn(seen.shape, generator=generator(2)).double()
    other = ReprojectionCost.from_correspondences(
        problem.x3d,
        seen,
        torch.full_like(seen, 1 / max(noise, 0.1)),
        camera,
        first.kernel,
        manifold,
    )
    if blind:
        first = first.with_leaves({"weights": torch.zeros_like(first.weights)})
    view = ViewedCost.from_camera(other, rotation, translation, manifold)
    return SumCost((first, view)), problem.pose


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("blind", [False, True], ids=["both see it", "one sees it"])
def test_the_start_finds_an_object_that_any_camera_sees(dof, blind):
    cost, pose = rig(dof, blind, noise=0.0)
    solver = LMSolver(dof=dof, num_iter=20, init_solver=RSLMSolver(num_proposals=32))
    found = solver.solve(cost, generator=generator())
    assert (found.pose_opt[:, :3] - pose[:, :3]).norm(dim=1).max() < 1e-4
    assert found.cost.max() < 1e-3


@pytest.mark.parametrize("dof", [4, 6])
def test_a_second_camera_brings_depth(dof):
    cost, pose = rig(dof)
    depth = [
        levenberg_marquardt(some, pose, 20).covariance()[0][:, 2, 2]
        for some in (cost.terms[0], cost)
    ]
    assert (depth[1] < 0.3 * depth[0]).all()


def test_a_subset_of_a_sum_holds_the_chosen_points_of_each_view_and_all_else():
    cost, pose = rig(6)
    prior = PosePrior.from_covariance(pose, torch.eye(6).double(), QuatPose())
    whole = SumCost((cost.terms[0], prior, cost.terms[1]))
    assert whole.point_weights().shape == (NUM, 40)
    index = torch.tensor([[[3, 39, 20, 0]]]).expand(1, NUM, 4)
    off = QuatPose().retract(pose, torch.full((NUM, 6), 0.02).double())[None]
    by_hand = (
        cost.terms[0].subset(torch.tensor([[[3, 0]]]).expand(1, NUM, 2)).value(off)
        + cost.terms[1].subset(torch.tensor([[[19, 0]]]).expand(1, NUM, 2)).value(off)
        + prior.value(off)
    )
    torch.testing.assert_close(whole.subset(index).value(off), by_hand)


def test_a_sum_without_points_needs_a_start():
    cost, _, _ = two_priors()
    with pytest.raises(ValueError, match="give a start"):
        LMSolver(init_solver=RSLMSolver()).solve(cost)


@pytest.mark.parametrize("dof", [4, 6])
def test_gradients_of_the_loss_reach_all_leaves_of_all_terms(dof):
    """The recomputing backward of the sampler against plain autograd."""
    terms, pose, manifold = points_prior_and_ground(dof)
    view = ViewedCost.from_camera(terms[0], tilted(NUM, 1), torch.zeros(NUM, 3).double(), manifold)
    whole = SumCost((*terms, view))
    leaves = {name: leaf.clone().requires_grad_() for name, leaf in whole.leaves().items()}
    cost = whole.with_leaves(leaves)
    found = levenberg_marquardt(whole, pose, 20)
    drawn = sampler(cost, 64, 4)(cost, found.pose_opt, found.covariance()[0], generator())
    loss = monte_carlo_pose_loss(drawn.pose_sample_logweights, cost.value(pose)).sum()
    ours = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)

    constant = (drawn.pose_sample_logweights + cost.value(drawn.pose_samples)).detach()
    plain = PoseSamples(drawn.pose_samples, constant - cost.value(drawn.pose_samples))
    loss = monte_carlo_pose_loss(plain.pose_sample_logweights, cost.value(pose)).sum()
    theirs = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    assert any(name.startswith("terms.3.cost.points_obj") for name in leaves)
    for name, mine, expected in zip(leaves, ours, theirs, strict=True):
        expected = torch.zeros_like(leaves[name]) if expected is None else expected
        torch.testing.assert_close(mine, expected, rtol=1e-9, atol=1e-9, msg=name)


def test_chunks_of_samples_do_not_change_a_sum():
    cost, pose = rig(6)
    steps = 0.01 * torch.arange(7).double()[:, None, None].expand(7, NUM, 6)
    many = QuatPose().retract(pose, steps)
    whole = EagerBackend().values(cost, many)
    torch.testing.assert_close(EagerBackend(chunk=100).values(cost, many), whole)


def test_heading_of_a_tilted_rig_is_shared():
    """Yaw of the pose in the other camera's frame is the same angle about the same vertical."""
    cost, pose = rig(4)
    view = cost.terms[1]
    seen = view.seen(pose)
    torch.testing.assert_close(seen[:, 3], pose[:, 3])


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("normalize", [False, True])
def test_the_layer_takes_a_sum(dof, normalize):
    """Solution, samples, loss and distribution; in the object's frame or in one of its points."""
    terms, pose, _ = points_prior_and_ground(dof)
    whole = SumCost(terms)
    leaves = {name: leaf.clone().requires_grad_() for name, leaf in whole.leaves().items()}
    cost = whole.with_leaves(leaves)
    kind = EProPnP4DoF if dof == 4 else EProPnP6DoF
    layer = kind(256, solver=LMSolver(dof, normalize=normalize, init_solver=RSLMSolver()))
    expected = levenberg_marquardt(whole, pose, 30)

    solution = layer.solve_cost(cost, with_pose_cov=True, generator=generator())
    torch.testing.assert_close(
        step_between(whole.manifold, expected.pose_opt, solution.pose_opt),
        torch.zeros(NUM, dof).double(), rtol=0, atol=1e-5,
    )  # fmt: skip
    torch.testing.assert_close(solution.pose_cov, expected.covariance()[0], rtol=1e-3, atol=1e-6)

    result = layer.sample_cost(cost, pose, generator=generator())
    loss = monte_carlo_pose_loss(result.pose_sample_logweights, result.cost_target)
    gradients = torch.autograd.grad(loss.sum(), list(leaves.values()), allow_unused=True)
    reached = {
        n for n, g in zip(leaves, gradients, strict=True) if g is not None and (g != 0).any()
    }
    assert {"terms.0.points_obj", "terms.1.pose", "terms.1.root", "terms.2.offset"} <= reached

    density = cost_distribution(layer, whole, generator=generator())
    assert density.valid.all()
    miss = density.log_evidence - laplace_log_evidence(density)
    assert (miss.abs() < 0.5).all()  # one peak, close to normal


def test_solution_of_a_sum_can_carry_its_exact_gradient():
    terms, _, _ = points_prior_and_ground(6)
    leaf = terms[1].pose.clone().requires_grad_()
    cost = SumCost((terms[0], terms[1].with_leaves({"pose": leaf})))
    solver = LMSolver(6, init_solver=RSLMSolver(), implicit_gradient=True, num_iter=20)
    found = EProPnP6DoF(solver=solver).solve_cost(
        cost, with_pose_opt_plus=True, generator=generator()
    )
    torch.testing.assert_close(found.pose_opt_plus.detach(), found.pose_opt, rtol=0, atol=1e-12)
    found.pose_opt_plus[:, 2].sum().backward()
    expected = levenberg_marquardt(cost, found.pose_opt, 0).pose_opt
    direct = implicit_pose(cost, expected)
    (gradient,) = torch.autograd.grad(direct[:, 2].sum(), leaf)
    torch.testing.assert_close(leaf.grad, gradient)


def test_the_centre_of_a_sum_is_that_of_its_first_term():
    terms, _, _ = points_prior_and_ground(6)
    assert torch.equal(SumCost(terms).center(), terms[0].center())
    assert (terms[0].center() != 0).all()
