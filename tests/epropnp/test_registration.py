"""Registration: a second problem on the same solver, sampler and loss."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from epropnp.amis import AMIS
from epropnp.fitting import normalized_weights
from epropnp.losses import monte_carlo_pose_loss
from epropnp.manifolds import QuatPose, YawPose
from epropnp.posterior import distribution_from_samples
from epropnp.proposals import QuaternionProposals, YawProposals
from epropnp.registration import RegistrationCost, register
from pose_problems import box_points, generator, random_poses, standard_error

MANIFOLDS = [YawPose(), QuatPose()]


def problem(manifold=None, batch=4, num=20, sigma=0.05, seed=0, offset=0.0):
    """Object points, noisy matches, and true poses."""
    manifold = manifold or QuatPose()
    pose = random_poses(batch, manifold.dof, seed)
    points_obj = box_points(batch, num, seed=seed + 1) + offset
    points_cam = points_obj @ manifold.rotation_matrix(pose).mT + pose[:, None, :3]
    noise = torch.randn(points_cam.shape, dtype=torch.float64, generator=generator(seed + 2))
    return points_obj, points_cam + sigma * noise, pose


def test_minimum_is_the_procrustes_solution():
    """Isotropic weights: scipy aligns centred vectors in closed form."""
    points_obj, points_cam, _ = problem(offset=3.0)
    weights = torch.from_numpy(np.random.default_rng(1).uniform(0.5, 2, (4, 20)))
    solution = register(RegistrationCost.from_points(points_obj, points_cam, weights))
    for i in range(4):
        share = weights[i].square().numpy()
        p, q = points_obj[i].numpy(), points_cam[i].numpy()
        p_mean, q_mean = (np.average(x, axis=0, weights=share) for x in (p, q))
        rotation, _ = Rotation.align_vectors(q - q_mean, p - p_mean, weights=share)
        ours = QuatPose().rotation_matrix(solution.pose_opt[i]).numpy()
        np.testing.assert_allclose(ours, rotation.as_matrix(), atol=1e-6)
        translation = q_mean - rotation.apply(p_mean)
        np.testing.assert_allclose(solution.pose_opt[i, :3], translation, atol=1e-6)


@pytest.mark.parametrize("delta", [math.inf, 0.5])
@pytest.mark.parametrize("manifold", MANIFOLDS, ids=["yaw", "quaternion"])
def test_jacobian_against_autograd_through_the_retraction(manifold, delta):
    points_obj, points_cam, pose = problem(manifold, batch=2, num=5, sigma=0.5)
    weights = torch.rand(2, 5, 3, dtype=torch.float64, generator=generator(3))
    cost = RegistrationCost.from_points(points_obj, points_cam, weights, delta, manifold)
    zero = torch.zeros(2, manifold.dof, dtype=torch.float64)
    lin = cost.linearize(pose)

    def value(step):
        return cost.value(manifold.retract(pose, step)).sum()

    torch.testing.assert_close(lin.normal_equations().gradient, torch.func.grad(value)(zero))
    torch.testing.assert_close(lin.value, cost.value(pose))
    if delta == math.inf:

        def residual(step):
            return cost.linearize(manifold.retract(pose, step)).residual

        jacobian = torch.func.jacfwd(residual)(zero)
        diagonal = torch.stack([jacobian[i, :, i] for i in range(2)])
        torch.testing.assert_close(lin.jacobian, diagonal)


def exact_log_evidence(cost, weight, num=64):
    """Integral over the quaternion sphere by the midpoint rule; translation in closed form."""
    psi = (torch.arange(num, dtype=torch.float64) + 0.5) * math.pi / num
    phi = (torch.arange(2 * num, dtype=torch.float64) + 0.5) * math.pi / num
    a, b, c = torch.meshgrid(psi, psi, phi, indexing="ij")
    quaternion = torch.stack(
        (a.cos(), a.sin() * b.cos(), a.sin() * b.sin() * c.cos(), a.sin() * b.sin() * c.sin()), -1
    ).view(-1, 4)
    area = (a.sin().square() * b.sin()).flatten() * (math.pi / num) ** 3
    poses = torch.cat((torch.zeros(len(quaternion), 3, dtype=torch.float64), quaternion), -1)
    rotated_mean = QuatPose().rotation_matrix(poses) @ cost.points_obj.mean(-1)[0]
    poses[:, :3] = cost.points_cam.mean(-1)[0] - rotated_mean
    at_best = cost.value(poses.unsqueeze(1))[:, 0]
    precision = cost.points_obj.shape[-1] * weight**2
    return (area.log() - at_best).logsumexp(0) + 1.5 * math.log(2 * math.pi / precision)


def test_log_evidence_against_quadrature():
    """Loose matches, so that the density covers a good part of the rotations."""
    points_obj, points_cam, _ = problem(batch=1, num=6, sigma=0.3, seed=5)
    cost = RegistrationCost.from_points(points_obj, points_cam, torch.full((1, 6), 3.0).double())
    exact = exact_log_evidence(cost, 3.0)
    torch.testing.assert_close(exact_log_evidence(cost, 3.0, 48), exact, rtol=0, atol=1e-3)
    solution = register(cost, generator=generator(1))
    covariance, _ = solution.covariance()
    samples = AMIS(4096, 4, QuaternionProposals())(
        cost, solution.pose_opt, covariance, generator(2)
    )
    dist = distribution_from_samples(cost, solution.pose_opt, samples)
    assert (dist.log_evidence - exact).abs() < 4.5 * standard_error(dist.pose_sample_weights)
    assert dist.effective_sample_size > 200


@pytest.mark.parametrize("family", [YawProposals(), QuaternionProposals()], ids=["yaw", "quat"])
def test_loss_gradient_is_an_expectation_over_samples(family):
    manifold = MANIFOLDS[isinstance(family, QuaternionProposals)]
    points_obj, points_cam, pose = problem(manifold, batch=2)
    weights = torch.full((2, 20, 3), 5.0, dtype=torch.float64, requires_grad=True)
    cost = RegistrationCost.from_points(points_obj, points_cam, weights, 1.0, manifold)
    solution = register(cost, generator=generator(3))
    covariance, _ = solution.covariance()
    samples = AMIS(128, 4, family)(cost, solution.pose_opt, covariance, generator(4))
    loss = monte_carlo_pose_loss(samples.pose_sample_logweights, cost.value(pose)).sum()
    (ours,) = torch.autograd.grad(loss, weights, retain_graph=True)
    share = normalized_weights(samples.pose_sample_logweights.detach())
    expected = cost.value(pose).sum() - (share * cost.value(samples.pose_samples)).sum()
    (exact,) = torch.autograd.grad(expected, weights)
    torch.testing.assert_close(ours, exact)


def test_learns_to_trust_inliers():
    """A linear layer learns, from poses only, that a feature of each match tells its quality."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(2, 1)
    log_scale = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.Adam([*layer.parameters(), log_scale], lr=0.1)
    sampler = AMIS(64, 4, QuaternionProposals())

    def batch(seed):
        points_obj, points_cam, pose = problem(batch=16, num=24, sigma=0.02, seed=seed)
        rng = np.random.default_rng(seed)
        outlier = torch.from_numpy(rng.uniform(size=(16, 24)) < 0.4)
        junk = torch.from_numpy(rng.normal(scale=0.7, size=(16, 24, 3)))
        points_cam = points_cam + outlier.unsqueeze(-1) * junk
        clue = outlier + torch.from_numpy(rng.normal(scale=0.2, size=(16, 24)))
        feature = torch.stack((clue, torch.ones_like(clue)), dim=-1)
        return [t.float() for t in (points_obj, points_cam, feature, pose)]

    def solve(points_obj, points_cam, feature):
        weights = layer(feature).squeeze(-1).softmax(-1) * 24 * log_scale.exp()
        cost = RegistrationCost.from_points(points_obj, points_cam, weights)
        return cost, register(cost, num_starts=4, num_iter=8, generator=generator(9))

    def error(seed):
        points_obj, points_cam, feature, pose = batch(seed)
        with torch.no_grad():
            _, solution = solve(points_obj, points_cam, feature)
        return (solution.pose_opt[:, :3] - pose[:, :3]).norm(dim=-1).mean()

    before = error(1000)
    losses = []
    for step in range(60):
        points_obj, points_cam, feature, pose = batch(step)
        cost, solution = solve(points_obj, points_cam, feature)
        covariance, _ = solution.covariance()
        samples = sampler(cost, solution.pose_opt, covariance, generator(step))
        loss = monte_carlo_pose_loss(samples.pose_sample_logweights, cost.value(pose)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 3
    assert error(1000) < 0.25 * before
    assert layer.weight[0, 0] < -2  # outliers lose weight


def test_a_bad_object_stays_alone():
    points_obj, points_cam, _ = problem(batch=3)
    clean = register(
        RegistrationCost.from_points(points_obj, points_cam, torch.ones(3, 20).double()),
        generator=generator(1),
    )
    weights = torch.ones(3, 20, dtype=torch.float64, requires_grad=True)
    broken_points = points_cam.clone()
    broken_points[1, 4, 2] = math.nan
    broken = RegistrationCost.from_points(points_obj, broken_points, weights)
    solution = register(broken, generator=generator(1))
    torch.testing.assert_close(solution.pose_opt[[0, 2]], clean.pose_opt[[0, 2]])
    (gradient,) = torch.autograd.grad(broken.value(solution.pose_opt).sum(), weights)
    assert gradient.isfinite().all()
    assert (gradient[1] == 0).all()


def test_zero_objects_and_wrong_shapes():
    empty = torch.zeros(0, 5, 3)
    solution = register(RegistrationCost.from_points(empty, empty, torch.zeros(0, 5)))
    assert solution.pose_opt.shape == (0, 7)
    with pytest.raises(ValueError, match="points_obj must be"):
        RegistrationCost.from_points(torch.zeros(5, 3), torch.zeros(5, 3), torch.zeros(5))
    with pytest.raises(ValueError, match="points_cam must fit"):
        RegistrationCost.from_points(torch.zeros(1, 5, 3), torch.zeros(1, 4, 3), torch.zeros(1, 5))
    with pytest.raises(ValueError, match="weights must fit"):
        RegistrationCost.from_points(torch.zeros(1, 5, 3), torch.zeros(1, 5, 3), torch.zeros(1, 4))
