"""The pose distribution against closed forms, and its calibration on simulated noise."""

import math

import pytest
import torch
from scipy import stats

from epropnp import EagerBackend, EProPnP4DoF, EProPnP6DoF, HuberPnPCost
from epropnp.amis import PoseSamples
from epropnp.levenberg_marquardt import levenberg_marquardt
from epropnp.manifolds import QuatPose, YawPose
from epropnp.posterior import (
    canonical,
    credible_log_density,
    distribution_from_samples,
    laplace_log_evidence,
    pose_distribution,
)
from pnp_scenes import scene
from pose_problems import (
    QuadraticYawCost,
    bingham_cost,
    box_points,
    camera,
    generator,
    noisy_pnp_cost,
    project,
    quadratic_cost,
    random_poses,
    sampler,
    standard_error,
)

SIGMAS = 4.5


def distribution(cost, start, num_samples=512, seed=0):
    solution = levenberg_marquardt(cost, start, 10)
    covariance, _ = solution.covariance()
    samples = sampler(cost, num_samples)(cost, solution.pose_opt, covariance, generator(seed))
    return distribution_from_samples(cost, solution.pose_opt, samples)


@pytest.fixture(scope="module")
def normal():
    cost = quadratic_cost(6)
    return cost, distribution(cost, cost.mode + 0.1)


def test_mode_and_covariance_of_a_normal_density(normal):
    cost, dist = normal
    torch.testing.assert_close(dist.pose_opt, cost.mode, rtol=1e-4, atol=1e-4)
    exact = torch.linalg.inv(cost.factor.mT @ cost.factor)
    torch.testing.assert_close(dist.pose_cov, exact, rtol=1e-5, atol=1e-6)
    assert dist.valid.all()


def test_weights_and_effective_sample_size(normal):
    _, dist = normal
    torch.testing.assert_close(dist.pose_sample_weights.sum(0), torch.ones(6, dtype=torch.float64))
    assert (dist.effective_sample_size > 100).all()
    assert (dist.effective_sample_size <= 512).all()


def test_log_prob_is_normalised(normal):
    cost, dist = normal
    poses = cost.mode + 0.1 * torch.randn(5, 6, 4, dtype=torch.float64, generator=generator(2))
    exact = -cost.value(poses) - cost.log_evidence()
    error = (dist.log_prob(poses) - exact).abs()
    assert (error < SIGMAS * standard_error(dist.pose_sample_weights)).all()
    torch.testing.assert_close(dist.log_prob(dist.pose_samples), dist.log_density)


def test_entropy_of_a_normal_density(normal):
    """The mean of the cost, D / 2, has variance D / 2; the log evidence adds its own error."""
    cost, dist = normal
    error = (3 / dist.effective_sample_size).sqrt()
    assert ((dist.entropy - cost.entropy()).abs() < SIGMAS * error).all()


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_credible_region_of_a_normal_density(level):
    cost = quadratic_cost(4)
    dist = distribution(cost, cost.mode, num_samples=4096)
    exact = -cost.log_evidence() - 0.5 * stats.chi2(4).ppf(level)
    assert ((credible_log_density(dist, level) - exact).abs() < 0.25).all()
    inside = dist.log_density >= credible_log_density(dist, level)
    mass = (dist.pose_sample_weights * inside).sum(0)
    assert (mass >= level).all()
    assert (mass < level + 0.02).all()


@pytest.mark.parametrize(("manifold", "dof"), [(YawPose(), 4), (QuatPose(), 6)])
def test_credible_regions_hold_the_truth_as_often_as_they_say(manifold, dof):
    """With normal pixel noise the density is the posterior under a flat prior."""
    num = 400
    pose_gt = random_poses(num, dof, seed=7)
    cost = noisy_pnp_cost(pose_gt, box_points(num, 12, seed=8), 3.0, manifold, seed=9)
    dist = distribution(cost, pose_gt)
    assert dist.valid.all()
    for level in (0.5, 0.9):
        hits = (dist.log_prob(pose_gt) >= credible_log_density(dist, level)).sum().item()
        assert stats.binomtest(hits, num, level).pvalue > 1e-4, hits / num


def test_laplace_evidence_is_exact_for_normal_densities(normal):
    cost, dist = normal
    torch.testing.assert_close(laplace_log_evidence(dist), cost.log_evidence(), rtol=0, atol=1e-4)
    sharp = bingham_cost([1e4, 1e6])
    laplace = laplace_log_evidence(distribution(sharp, sharp.mode))
    torch.testing.assert_close(laplace, sharp.log_evidence(), rtol=0, atol=2e-4)


def test_resampling_gives_each_sample_its_share(normal):
    _, dist = normal
    drawn = dist.resample(1000, generator(3))
    assert drawn.shape == (1000, 6, 4)
    for i in range(6):
        matches = (drawn[:, None, i] == dist.pose_samples[None, :, i]).all(-1)
        assert matches.any(1).all()
        shares = 1000 * dist.pose_sample_weights[:, i]
        assert ((matches.sum(0) - shares).abs() < 1.001).all()


def test_mode_leaves_a_local_minimum_if_a_sample_is_lower():
    cost = quadratic_cost(2)
    away = cost.mode.clone()
    away[0, 0] += 1.0
    covariance = torch.linalg.inv(cost.factor.mT @ cost.factor) * 4
    samples = sampler(cost)(cost, away, covariance, generator(4))
    dist = distribution_from_samples(cost, away, samples)
    torch.testing.assert_close(dist.pose_opt, cost.mode, rtol=1e-4, atol=1e-4)


def test_canonical_poses_are_the_same_poses():
    yaw = torch.tensor([[1.0, 2, 3, 7.0], [1, 2, 3, -math.pi], [1, 2, 3, 3.0]])
    expected = torch.tensor([7 - 2 * math.pi, -math.pi, 3.0])
    torch.testing.assert_close(canonical(yaw)[:, 3], expected)
    quaternion = random_poses(20, 6)
    ours = canonical(quaternion)
    assert (ours[:, 3] >= 0).all()
    rotation = QuatPose().rotation_matrix
    torch.testing.assert_close(rotation(ours), rotation(quaternion))


def test_an_unusable_object_is_flagged_and_alone():
    cost = quadratic_cost(3)
    broken_mode = cost.mode.clone()
    broken_mode[1] = math.nan
    broken = QuadraticYawCost(broken_mode, cost.factor)
    start = cost.mode + 0.05
    good, bad = distribution(cost, start), distribution(broken, start)
    assert bad.valid.tolist() == [True, False, True]
    keep = [0, 2]
    for name in ("pose_opt", "pose_cov", "log_evidence", "entropy", "effective_sample_size"):
        left, right = getattr(good, name), getattr(bad, name)
        torch.testing.assert_close(left[keep], right[keep], rtol=1e-9, atol=1e-12)
    assert credible_log_density(bad).shape == (3,)
    assert bad.resample(7, generator(0)).shape == (7, 3, 4)


@pytest.mark.parametrize("layer", [EProPnP4DoF(normalize=True), EProPnP6DoF()], ids=["yaw", "quat"])
def test_distribution_of_a_layer(layer):
    """Cost, frame and valid flags of the layer and of the distribution belong together."""
    pose_gt = random_poses(4, layer.dof, seed=1)
    x3d = box_points(4, 20, seed=2) + 1.0
    manifold = YawPose() if layer.dof == 4 else QuatPose()
    x2d = project(pose_gt, x3d, manifold)
    x2d += 2 * torch.randn(x2d.shape, dtype=torch.float64, generator=generator(3))
    w2d = torch.full_like(x2d, 0.5)
    w2d[2, :, 0] = math.nan
    cost_fun = HuberPnPCost(delta=3.0)
    dist = pose_distribution(layer, x3d, x2d, w2d, camera(4), cost_fun, generator=generator(4))
    assert dist.valid.tolist() == [True, True, False, True]
    good = [0, 1, 3]
    error = (dist.log_prob(dist.pose_opt) - dist.log_density.amax(0))[good]
    assert (error > -1e-9).all()
    laplace = laplace_log_evidence(dist)
    assert ((dist.log_evidence - laplace)[good].abs() < 1.0).all()
    weighted_cost = -(dist.log_density + dist.log_evidence)
    costs = dist.pose_cost.value(dist.pose_samples)
    torch.testing.assert_close(costs[:, good], weighted_cost[:, good])
    mean = (dist.pose_sample_weights.unsqueeze(-1) * dist.pose_samples[..., :3]).sum(0)
    spread = dist.pose_cov.diagonal(dim1=1, dim2=2)[:, :3].sqrt()
    assert ((mean - pose_gt[:, :3]).abs() < 5 * spread)[good].all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_objects(dtype):
    cost = QuadraticYawCost(torch.zeros(0, 4, dtype=dtype), torch.zeros(0, 4, 4, dtype=dtype))
    dist = distribution(cost, cost.mode)
    assert dist.pose_opt.shape == (0, 4)
    assert dist.log_evidence.shape == dist.entropy.shape == dist.valid.shape == (0,)
    assert credible_log_density(dist).shape == laplace_log_evidence(dist).shape == (0,)
    assert dist.resample(3).shape == (3, 0, 4)
    assert dist.pose_opt.dtype == dtype


def test_nothing_carries_a_gradient():
    cost = quadratic_cost(2)
    cost.mode.requires_grad_()
    samples = PoseSamples(cost.mode.detach().expand(16, 2, 4), -cost.value(cost.mode).expand(16, 2))
    dist = distribution_from_samples(cost, cost.mode.detach(), samples)
    for name in ("pose_opt", "pose_sample_weights", "log_evidence", "entropy", "log_density"):
        assert not getattr(dist, name).requires_grad
    assert not dist.log_prob(cost.mode).requires_grad


@pytest.mark.parametrize("layer_type", [EProPnP4DoF, EProPnP6DoF])
def test_samples_are_evaluated_once(layer_type):
    """The distribution takes their costs from the sampler."""

    class Counting(EagerBackend):
        def values(self, cost, poses):
            counts.append(len(poses))
            return super().values(cost, poses)

    counts = []
    layer = layer_type(32, 4, backend=Counting())
    data = scene(layer.dof, num=2, points=12)
    dist = pose_distribution(layer, *data.correspondences, HuberPnPCost(1.0), data.pose)
    assert sum(count for count in counts if count == 8) == 32
    assert 32 not in counts
    again = EagerBackend().values(dist.pose_cost, dist.pose_samples)
    torch.testing.assert_close(-dist.log_density - dist.log_evidence, again)


def test_the_generator_decides_the_samples():
    data = scene(4, noise=2.0)
    layer = EProPnP4DoF(mc_samples=32)
    seeds = (0, 0, 1)
    first, again, other = (
        pose_distribution(
            layer, *data.correspondences, HuberPnPCost(), generator=generator(seed)
        ).pose_samples
        for seed in seeds
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
