"""Log evidence and loss gradient against integrals that use none of the sampler.

A log evidence from importance weights is compared within a multiple of its own standard error,
sqrt(1 / ESS - 1 / S). The estimate is a logarithm of an average and so slightly low; fewer than
4.5 standard errors would reject correct estimates.
"""

import math

import numpy as np
import pytest
import torch

from epropnp.fitting import normalized_weights
from epropnp.levenberg_marquardt import levenberg_marquardt
from epropnp.losses import monte_carlo_pose_loss
from epropnp.manifolds import QuatPose, YawPose
from epropnp.posterior import distribution_from_samples
from epropnp.reprojection import ReprojectionCost
from pose_problems import (
    bingham_cost,
    box_points,
    generator,
    noisy_pnp_cost,
    quadratic_cost,
    random_poses,
    sampler,
    standard_error,
)

SIGMAS = 4.5


def sample(cost, start, num_samples=512, seed=0):
    solution = levenberg_marquardt(cost, start, 20)
    covariance, _ = solution.covariance()
    return solution, sampler(cost, num_samples)(
        cost, solution.pose_opt, covariance, generator(seed)
    )


def assert_log_evidence(cost, start, exact, num_samples=512):
    solution, samples = sample(cost, start, num_samples)
    dist = distribution_from_samples(cost, solution.pose_opt, samples)
    error = dist.log_evidence - exact
    assert (error.abs() < SIGMAS * standard_error(dist.pose_sample_weights)).all(), error
    # an estimator that never finds the mass would pass with a huge standard error
    assert (dist.effective_sample_size > num_samples / 20).all()
    return dist


@pytest.mark.parametrize("spread", [1e-4, 1e-2, 0.3])
def test_normal_density_closed_form(spread):
    cost = quadratic_cost(8, spread)
    assert_log_evidence(cost, cost.mode, cost.log_evidence())


def test_bingham_density_closed_form():
    cost = bingham_cost([0.0, 0.5, 3.0, 30.0, 1e3, 1e6])
    assert_log_evidence(cost, cost.mode, cost.log_evidence())


def whitened_grid(solution, half_width=7.0, num=21):
    """Grid poses (G, B, 4) along the principal axes of the Laplace covariance, and cell volume."""
    covariance, _ = solution.covariance()
    values, vectors = torch.linalg.eigh(covariance)
    axis = torch.linspace(-half_width, half_width, num, dtype=torch.float64)
    unit = torch.stack(torch.meshgrid(axis, axis, axis, axis, indexing="ij"), dim=-1)
    factor = vectors * values.sqrt().unsqueeze(-2)
    steps = (factor @ unit.view(-1, 1, 4, 1)).squeeze(-1)
    return solution.pose_opt + steps, (axis[1] - axis[0]) ** 4 * values.prod(-1).sqrt()


def perspective_problem(delta, num=8, batch=2, sigma=2.0):
    pose = random_poses(batch, 4, seed=3, depth=(4.0, 6.0))
    cost = noisy_pnp_cost(pose, box_points(batch, num, (2, 1.5, 2), seed=4), sigma, YawPose())
    delta = torch.full((batch,), delta, dtype=torch.float64)
    return pose, cost.with_leaves({"kernel.delta": delta})


@pytest.mark.parametrize("delta", [math.inf, 1.0])
def test_pnp_log_evidence_against_quadrature(delta):
    pose, cost = perspective_problem(delta)
    solution = levenberg_marquardt(cost, pose, 20)
    poses, cell = whitened_grid(solution)
    with torch.no_grad():
        exact = (-cost.value(poses)).logsumexp(0) + cell.log()
        coarse_poses, coarse_cell = whitened_grid(solution, num=17)
        coarse = (-cost.value(coarse_poses)).logsumexp(0) + coarse_cell.log()
    torch.testing.assert_close(coarse, exact, rtol=0, atol=2e-3)  # the quadrature has converged
    assert_log_evidence(cost, pose, exact, num_samples=2048)


def test_loss_gradient_against_quadrature():
    """Derivatives along random directions of all inputs: expectations under the exact density."""
    pose, cost = perspective_problem(1.0)
    solution, _ = sample(cost, pose)
    poses, _ = whitened_grid(solution, num=17)
    rng = np.random.default_rng(5)
    names = ("points_obj", "points_2d", "weights")
    points = tuple(cost.leaves()[name].clone() for name in names)

    def with_points(tensors):
        return cost.with_leaves(dict(zip(names, tensors, strict=True)))

    for trial in range(4):
        directions = [torch.from_numpy(rng.standard_normal(p.shape)) * 0.01 for p in points]

        def slope(at, tangents=directions):
            return torch.func.jvp(lambda *t: with_points(t).value(at), points, tuple(tangents))

        with torch.no_grad():
            costs, slopes = slope(poses)
            density = normalized_weights(-costs)
            mean = (density * slopes).sum(0)
            variance = (density * (slopes - mean).square()).sum(0)
            exact = slope(pose)[1] - mean

        inputs = [p.clone().requires_grad_() for p in points]
        trained = with_points(inputs)
        _, samples = sample(trained, pose, num_samples=2048, seed=trial)
        loss = monte_carlo_pose_loss(samples.pose_sample_logweights, trained.value(pose))
        gradients = torch.autograd.grad(loss.sum(), inputs)
        ours = sum((g * d).flatten(1).sum(1) for g, d in zip(gradients, directions, strict=True))
        weights = normalized_weights(samples.pose_sample_logweights.detach())
        error = (variance * weights.square().sum(0)).sqrt()
        assert ((ours - exact).abs() < SIGMAS * error).all()
        assert (error < 0.2 * variance.sqrt()).all()


@pytest.mark.parametrize(("manifold", "dof"), [(YawPose(), 4), (QuatPose(), 6)])
def test_optimal_weight_scale_is_the_closed_form(manifold, dof):
    """s^2 = (d / 2) / (L_target - E*) minimises s^2 (L_target - E*) - d log s, the loss in s.

    The loss is stationary where s^2 L_target equals the expected cost under the density at s;
    that expectation, d / 2 above the minimum, has a standard error of sqrt(d / 2 / ESS).
    """
    batch = 3
    pose = random_poses(batch, dof, seed=6)
    base = noisy_pnp_cost(pose, box_points(batch, 24, seed=7), 0.5, manifold, seed=8)
    target, lowest = base.value(pose), levenberg_marquardt(base, pose, 20).cost
    predicted = ((dof / 2) / (target - lowest)).sqrt()

    log_scale = predicted.log().clone().requires_grad_()
    scaled = base.with_leaves({"weights": base.weights * log_scale.exp()[:, None, None]})
    assert isinstance(scaled, ReprojectionCost)
    _, samples = sample(scaled, pose, num_samples=8192)
    loss = monte_carlo_pose_loss(samples.pose_sample_logweights, scaled.value(pose))
    (slope,) = torch.autograd.grad(loss.sum(), log_scale)
    weights = normalized_weights(samples.pose_sample_logweights.detach())
    error = 2 * (dof / 2 * weights.square().sum(0)).sqrt()  # slope = 2 (s^2 L - mean cost)
    assert (slope.abs() < SIGMAS * error + 0.02 * dof).all(), (slope, error)
    # twice or half the scale is clearly worse: the curvature there is 2 d
    assert (SIGMAS * error + 0.02 * dof < 0.25 * dof).all()
