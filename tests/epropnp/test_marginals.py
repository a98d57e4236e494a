"""Heading and ground-plane densities against closed forms."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial.transform import Rotation

from epropnp import marginals
from epropnp.levenberg_marquardt import levenberg_marquardt
from epropnp.manifolds import QuatPose, YawPose
from epropnp.marginals import (
    _heading_variance,
    _parts,
    credible_cells,
    ground_density,
    ground_position,
    heading,
    yaw_density,
)
from epropnp.posterior import distribution_from_samples
from pose_problems import (
    QuadraticYawCost,
    box_points,
    generator,
    noisy_pnp_cost,
    quadratic_cost,
    random_poses,
    sampler,
)


def distribution(cost, start, num_samples=4096):
    solution = levenberg_marquardt(cost, start, 5)
    covariance, _ = solution.covariance()
    samples = sampler(cost, num_samples)(cost, solution.pose_opt, covariance, generator(1))
    return distribution_from_samples(cost, solution.pose_opt, samples)


@pytest.fixture(scope="module")
def normal():
    cost = quadratic_cost(4)
    return cost, distribution(cost, cost.mode), torch.linalg.inv(cost.factor.mT @ cost.factor)


def test_yaw_density_of_a_normal_density(normal):
    """Total variation distance to the exact density; a kernel estimate of 1500 samples has 3 %."""
    cost, dist, covariance = normal
    yaw, density = yaw_density(dist)
    step = 2 * math.pi / 360
    assert yaw[0] == pytest.approx(-math.pi)
    torch.testing.assert_close(density.sum(1) * step, torch.ones(4, dtype=torch.float64))
    for i in range(4):
        offset = (yaw - cost.mode[i, 3] + math.pi) % (2 * math.pi) - math.pi
        exact = stats.norm(0, covariance[i, 3, 3].sqrt()).pdf(offset.numpy())
        assert 0.5 * np.abs(density[i].numpy() - exact).sum() * step < 0.06


def test_ground_density_of_a_normal_density(normal):
    cost, dist, covariance = normal
    x, z, density = ground_density(dist, num=48)
    assert density.shape == (4, 48, 48)
    cell = (x[:, 1] - x[:, 0]) * (z[:, 1] - z[:, 0])
    torch.testing.assert_close(
        density.sum((1, 2)) * cell, torch.ones(4, dtype=torch.float64), rtol=0, atol=5e-3
    )
    for i in range(4):
        grid = torch.stack(torch.meshgrid(x[i], z[i], indexing="xy"), dim=-1).numpy()
        mode, spread = cost.mode[i, ::2][:2], covariance[i][[0, 2]][:, [0, 2]]
        exact = stats.multivariate_normal(mode.numpy(), spread.numpy()).pdf(grid)
        distance = 0.5 * np.abs(density[i].numpy() - exact).sum() * cell[i].item()
        assert distance < 0.09


def test_a_default_ground_grid_spans_four_deviations_around_the_mean(normal):
    _, dist, _ = normal
    x, z, _ = ground_density(dist, num=9)
    weights = dist.pose_sample_weights[..., None]
    places = dist.pose_samples[..., [0, 2]]
    mean = (weights * places).sum(0)
    deviation = (weights * (places - mean).square()).sum(0).sqrt()
    for grid, middle, half in zip((x, z), mean.T, 4 * deviation.T, strict=True):
        torch.testing.assert_close(grid[:, 0], middle - half)
        torch.testing.assert_close(grid[:, -1], middle + half)
        torch.testing.assert_close(grid[:, 4], middle)


def test_ground_density_on_a_given_grid(normal):
    cost, dist, _ = normal
    x = cost.mode[:, :1] + torch.linspace(-5, 5, 21).double()
    z = cost.mode[:, 2:3] + torch.linspace(-5, 5, 31).double()
    result = ground_density(dist, x=x, z=z)
    assert result.density.shape == (4, 31, 21)
    total = result.density.sum((1, 2)) * (x[0, 1] - x[0, 0]) * (z[0, 1] - z[0, 0])
    torch.testing.assert_close(total, torch.ones(4, dtype=torch.float64), rtol=0, atol=0.01)


def test_densities_sharper_than_the_grid_keep_their_mass():
    cost = quadratic_cost(3, spread=1e-4)
    dist = distribution(cost, cost.mode, num_samples=512)
    yaw, density = yaw_density(dist, num=72)
    torch.testing.assert_close(
        density.sum(1) * (yaw[1] - yaw[0]), torch.ones(3, dtype=torch.float64), rtol=0, atol=0.05
    )


def test_heading_is_yaw_for_yaw_poses_tilted_or_not():
    pose = random_poses(6, 4)
    tilt = torch.from_numpy(Rotation.from_euler("xz", [0.3, -0.2]).as_matrix())
    for manifold in (YawPose(), YawPose(gravity=tilt)):
        torch.testing.assert_close(heading(manifold, pose), pose[:, 3])
    expected = (pose[:, :3] @ tilt.T)[:, [0, 2]]
    torch.testing.assert_close(ground_position(YawPose(gravity=tilt), pose), expected)


def test_heading_of_quaternions_that_only_turn_about_the_vertical():
    yaw = torch.linspace(-3, 3, 7, dtype=torch.float64)
    quaternion = torch.zeros(7, 7, dtype=torch.float64)
    quaternion[:, 3], quaternion[:, 5] = (yaw / 2).cos(), (yaw / 2).sin()
    torch.testing.assert_close(heading(QuatPose(), quaternion), yaw)


@pytest.mark.parametrize("kind", ["yaw", "tilted", "quaternion"])
def test_heading_variance_against_derivatives_through_the_retraction(kind):
    tilt = torch.from_numpy(Rotation.from_euler("xz", [0.3, -0.2]).as_matrix())
    manifold = {"yaw": YawPose(), "tilted": YawPose(tilt), "quaternion": QuatPose()}[kind]
    pose = random_poses(3, manifold.dof, seed=4)
    cost = noisy_pnp_cost(pose, box_points(3, 30), 1.0, manifold)
    dist = distribution(cost, pose, num_samples=64)

    def direction(step):
        return heading(manifold, manifold.retract(dist.pose_opt, step)).sum()

    zero = torch.zeros(3, manifold.dof, dtype=torch.float64)
    gradient = torch.func.grad(direction)(zero).unsqueeze(1)
    exact = (gradient @ dist.pose_cov @ gradient.mT).flatten()
    torch.testing.assert_close(_heading_variance(next(_parts(dist, 1))), exact)


def test_tilted_ground_density_is_the_level_one_turned():
    """Tilting camera and pose together leaves the picture from above alone."""
    cost = quadratic_cost(2)
    dist = distribution(cost, cost.mode, num_samples=512)
    tilt = torch.from_numpy(Rotation.from_euler("xz", [0.3, -0.2]).as_matrix())

    def turn(poses):
        return torch.cat((poses[..., :3] @ tilt, poses[..., 3:]), dim=-1)

    block = torch.eye(4, dtype=torch.float64)
    block[:3, :3] = tilt
    tilted_cost = QuadraticYawCost(turn(cost.mode), cost.factor @ block)
    object.__setattr__(tilted_cost, "manifold", YawPose(gravity=tilt))
    tilted = replace(
        dist,
        pose_cost=tilted_cost,
        pose_opt=turn(dist.pose_opt),
        pose_samples=turn(dist.pose_samples),
        pose_cov=block.T @ dist.pose_cov @ block,
    )
    level, turned = ground_density(dist), ground_density(tilted)
    torch.testing.assert_close(turned.density, level.density)
    torch.testing.assert_close(yaw_density(tilted).density, yaw_density(dist).density)


def test_flat_heading_gives_a_flat_density():
    """The solver's covariance of a direction without information must not blur the estimate."""
    cost = quadratic_cost(2)
    flat = cost.factor.clone()
    flat[:, 3], flat[:, :, 3] = 0, 0
    density = yaw_density(distribution(QuadraticYawCost(cost.mode, flat), cost.mode)).density
    assert ((density * 2 * math.pi - 1).abs() < 0.35).all()


def test_credible_cells_are_the_smallest_set():
    density = torch.tensor([[0.1, 0.4, 0.0, 0.3, 0.2], [1.0, 1.0, 1.0, 1.0, 1.0]])
    cells = credible_cells(density, 0.7)
    assert cells[0].tolist() == [False, True, False, True, False]
    assert cells[1].sum() == 4
    square = torch.rand(3, 5, 6, generator=generator(2))
    mask = credible_cells(square, 0.9)
    mass = (square * mask).sum((1, 2)) / square.sum((1, 2))
    assert mask.shape == square.shape
    assert (mass >= 0.9).all()
    assert (
        torch.where(mask, square, 2.0).amin((1, 2)) >= torch.where(mask, -1.0, square).amax((1, 2))
    ).all()


def test_zero_objects():
    cost = QuadraticYawCost(torch.zeros(0, 4).double(), torch.zeros(0, 4, 4).double())
    dist = distribution(cost, cost.mode, num_samples=16)
    assert yaw_density(dist).density.shape == (0, 360)
    assert ground_density(dist, num=8).density.shape == (0, 8, 8)
    assert credible_cells(ground_density(dist, num=8).density).shape == (0, 8, 8)


@pytest.mark.slow
def test_objects_in_parts_give_the_same_densities(normal, monkeypatch):
    """One object at a time; a part holds no more than its share of memory."""
    _, dist, _ = normal
    whole = *yaw_density(dist), *ground_density(dist)
    monkeypatch.setattr(marginals, "CHUNK", 1)
    assert [len(part.pose_opt) for part in _parts(dist, 10)] == [1] * 4
    for part, all_at_once in zip((*yaw_density(dist), *ground_density(dist)), whole, strict=True):
        torch.testing.assert_close(part, all_at_once)
    grids = [axis + torch.arange(4).double()[:, None] for axis in ground_density(dist)[:2]]
    own = ground_density(dist, x=grids[0], z=grids[1])
    assert torch.equal(own.x, grids[0])
    assert torch.equal(own.z, grids[1])
