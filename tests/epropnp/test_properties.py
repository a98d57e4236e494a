"""Properties that hold for any shape, dtype, scale and degenerate input."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import example, given, settings

from epropnp import EProPnP4DoF, EProPnP6DoF, HuberPnPCost, QuatPose, YawPose
from epropnp.distributions import AngularCentralGaussian, MultivariateT, VonMisesUniformMix
from epropnp.levenberg_marquardt import levenberg_marquardt
from epropnp.marginals import credible_cells, ground_density, yaw_density
from epropnp.posterior import credible_log_density, distribution_from_samples, pose_distribution
from epropnp.proposals import QuaternionProposals, YawProposals
from epropnp.registration import RegistrationCost, register
from pose_problems import (
    QuadraticYawCost,
    box_points,
    camera,
    generator,
    project,
    quadratic_cost,
    random_poses,
    sampler,
)

FAMILIES = {4: YawProposals(), 6: QuaternionProposals()}
EXAMPLES = settings(max_examples=15, deadline=None)

batches = st.integers(0, 4)
seeds = st.integers(0, 10_000)
dtypes = st.sampled_from([torch.float32, torch.float64])
dofs = st.sampled_from([4, 6])
scales = st.sampled_from([1e-6, 1e-3, 1.0, 1e3])


def factor(batch, dim, dtype, seed):
    mixed = torch.randn(batch, dim, dim, dtype=torch.float64, generator=generator(seed))
    mixed = 0.3 * mixed + torch.eye(dim, dtype=torch.float64)
    return torch.linalg.cholesky(mixed @ mixed.mT).to(dtype)


def make_distribution(kind, batch, dtype, seed, scale):
    loc = torch.randn(batch, 3, dtype=torch.float64, generator=generator(seed)).to(dtype)
    if kind == "t":
        return MultivariateT(loc, scale * factor(batch, 3, dtype, seed))
    if kind == "yaw":
        return VonMisesUniformMix(loc[:, 0], (1.0 / scale + loc[:, 1].abs()))
    spread = torch.tensor([1.0, scale, scale, scale], dtype=dtype)
    return AngularCentralGaussian(spread[:, None] * factor(batch, 4, dtype, seed))


@EXAMPLES
@given(st.sampled_from(["t", "yaw", "quaternion"]), batches, dtypes, seeds, scales)
def test_samples_have_a_density_and_objects_are_independent(kind, batch, dtype, seed, scale):
    distribution = make_distribution(kind, batch, dtype, seed, min(scale, 1.0))
    samples = distribution.sample(12, generator(seed))
    log_prob = distribution.log_prob(samples)
    assert samples.dtype == log_prob.dtype == dtype
    assert log_prob.shape == (12, batch)
    assert log_prob.isfinite().all()
    for i in range(batch):
        fields = {
            name: getattr(distribution, name)
            for name in distribution.__dataclass_fields__
            if getattr(distribution, name) is not None
        }
        one = type(distribution)(
            **{k: v[i : i + 1] if isinstance(v, torch.Tensor) else v for k, v in fields.items()}
        )
        alone = one.log_prob(samples[:, i : i + 1])[:, 0]
        torch.testing.assert_close(alone, log_prob[:, i], rtol=1e-4, atol=1e-4)


def poses_and_weights(dof, batch, num, dtype, seed, scale):
    family = FAMILIES[dof]
    pose = random_poses(batch, dof, seed).to(dtype)
    covariance = (0.1 * factor(batch, dof, dtype, seed)).to(dtype)
    covariance = covariance @ covariance.mT
    covariance[:, :3] *= scale
    covariance[:, :, :3] *= scale
    pose[:, :3] *= scale
    poses = family.around(pose, covariance).sample(num, generator(seed))
    return poses, 10 * torch.randn(num, batch, generator=generator(seed + 1)).to(dtype)


@EXAMPLES
@given(dofs, st.integers(1, 4), st.integers(5, 60), dtypes, seeds, scales)
def test_fits_do_not_depend_on_order_or_normalisation_of_the_weights(
    dof, batch, num, dtype, seed, scale
):
    poses, log_weights = poses_and_weights(dof, batch, num, dtype, seed, scale)
    fitted = FAMILIES[dof].fit(poses, log_weights)
    order = torch.randperm(num, generator=generator(seed))
    other = FAMILIES[dof].fit(poses[order], log_weights[order] + 12.5)
    tolerance = 1e-6 if dtype == torch.float64 else 0.05
    torch.testing.assert_close(
        other.log_prob(poses), fitted.log_prob(poses), rtol=tolerance, atol=tolerance
    )


@EXAMPLES
@given(dofs, dtypes, seeds, st.sampled_from(["nan", "inf", "-inf", "spike", "equal", "coincident"]))
@example(4, torch.float32, 0, "coincident")
@example(6, torch.float32, 0, "coincident")
def test_fits_of_degenerate_samples_can_be_sampled(dof, dtype, seed, kind):
    poses, log_weights = poses_and_weights(dof, 3, 32, dtype, seed, 1.0)
    if kind == "coincident":
        poses[:, 1] = poses[0, 1]
    elif kind == "spike":
        log_weights[4, 1] = 1e6
    elif kind == "equal":
        log_weights[:, 1] = 3.0
    else:
        log_weights[:, 1] = float(kind)
    fitted = FAMILIES[dof].fit(poses, log_weights)
    drawn = fitted.sample(20, generator(seed))
    assert drawn.isfinite().all()
    assert fitted.log_prob(drawn).isfinite().all()


@EXAMPLES
@given(st.integers(1, 5), seeds, st.sampled_from([16, 64, 256]))
def test_distribution_invariants(batch, seed, num_samples):
    cost = quadratic_cost(batch, seed=seed)
    covariance = torch.linalg.inv(cost.factor.mT @ cost.factor)
    samples = sampler(cost, num_samples)(cost, cost.mode, covariance, generator(seed))
    dist = distribution_from_samples(cost, cost.mode, samples)
    torch.testing.assert_close(
        dist.pose_sample_weights.sum(0), torch.ones(batch, dtype=torch.float64)
    )
    assert (dist.effective_sample_size >= 1 - 1e-9).all()
    assert (dist.effective_sample_size <= num_samples + 1e-9).all()
    peak = dist.log_prob(dist.pose_opt)
    assert (dist.log_density <= peak + 1e-6).all()
    levels = [credible_log_density(dist, level) for level in (0.1, 0.5, 0.9)]
    assert (levels[0] >= levels[1]).all()
    assert (levels[1] >= levels[2]).all()
    assert (yaw_density(dist).density >= 0).all()
    plane = ground_density(dist, num=12).density
    smaller, larger = credible_cells(plane, 0.5), credible_cells(plane, 0.9)
    assert (larger | ~smaller).all()


@EXAMPLES
@given(seeds, st.sampled_from([1e-3, 10.0, 1e3]))
def test_density_changes_with_the_unit_of_length_as_densities_do(seed, unit):
    """Measured in millimetres, entropy and log evidence grow by 3 log 1000."""
    cost = quadratic_cost(3, seed=seed)
    stretch = torch.tensor([unit, unit, unit, 1.0], dtype=torch.float64)
    scaled = QuadraticYawCost(cost.mode * stretch, cost.factor / stretch)
    dists = []
    for problem in (cost, scaled):
        covariance = torch.linalg.inv(problem.factor.mT @ problem.factor)
        samples = sampler(problem)(problem, problem.mode, covariance, generator(seed))
        dists.append(distribution_from_samples(problem, problem.mode, samples))
    for name in ("entropy", "log_evidence"):
        change = getattr(dists[1], name) - getattr(dists[0], name)
        expected = torch.full_like(change, 3 * math.log(unit))
        torch.testing.assert_close(change, expected, rtol=1e-6, atol=1e-6)


def degenerate(kind, x3d, x2d, w2d):
    """Spoil the second object in one of the ways that happen."""
    if kind == "no weight":
        w2d[1] = 0
    elif kind == "two points":
        w2d[1, 2:] = 0
    elif kind == "collinear":
        x3d[1] = torch.linspace(-1, 1, x3d.shape[1])[:, None].to(x3d) * x3d.new_tensor((1, 2, 0))
    elif kind == "coincident":
        x3d[1], x2d[1] = x3d[1, :1], x2d[1, :1]
    elif kind == "nan":
        x2d[1, 3, 0] = math.nan
    elif kind == "infinite weight":
        w2d[1, 0] = math.inf
    elif kind == "huge":
        x3d[1] *= 1e12
    else:
        x3d[1] *= 1e-12


KINDS = (
    "no weight", "two points", "collinear", "coincident", "nan", "infinite weight", "huge", "tiny",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_distribution_of_degenerate_objects(dof, dtype, kind):
    """No exception; the flag is False or the numbers are finite; the neighbours do not notice."""
    manifold = YawPose() if dof == 4 else QuatPose()
    layer = (EProPnP4DoF if dof == 4 else EProPnP6DoF)(mc_samples=64)
    pose = random_poses(3, dof, seed=1)
    x3d = box_points(3, 12, seed=2)
    x2d = project(pose, x3d, manifold)
    x3d, x2d, pose = x3d.to(dtype), x2d.to(dtype), pose.to(dtype)
    w2d = torch.ones_like(x2d)
    arguments = camera(3, dtype), HuberPnPCost(2.0), pose
    clean = pose_distribution(layer, x3d, x2d, w2d, *arguments, generator=generator(3))
    degenerate(kind, x3d, x2d, w2d)
    dist = pose_distribution(layer, x3d, x2d, w2d, *arguments, generator=generator(3))
    names = ("pose_opt", "pose_cov", "log_evidence", "entropy", "effective_sample_size")
    for name in names:
        here, there = getattr(dist, name), getattr(clean, name)
        tolerance = 1e-6 if dtype == torch.float64 else 2e-2
        torch.testing.assert_close(here[::2], there[::2], rtol=tolerance, atol=tolerance)
        if dist.valid[1]:
            assert here[1].isfinite().all()
    if kind in ("no weight", "nan", "infinite weight"):
        assert not dist.valid[1]
    assert yaw_density(dist, num=36).density[::2].isfinite().all()
    assert ground_density(dist, num=8).density[::2].isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("manifold", [YawPose(), QuatPose()], ids=["yaw", "quaternion"])
def test_registration_of_degenerate_objects(manifold, kind):
    pose = random_poses(3, manifold.dof, seed=5)
    x3d = box_points(3, 12, seed=6)
    points = x3d @ manifold.rotation_matrix(pose).mT + pose[:, None, :3]
    weights = torch.ones_like(points)
    clean = register(
        RegistrationCost.from_points(x3d, points, weights, 1.0, manifold), generator=generator(7)
    )
    degenerate(kind, x3d, points, weights)
    weights.requires_grad_()
    cost = RegistrationCost.from_points(x3d, points, weights, 1.0, manifold)
    found = register(cost, generator=generator(7))
    torch.testing.assert_close(found.pose_opt[::2], clean.pose_opt[::2], rtol=1e-6, atol=1e-6)
    assert found.pose_opt.isfinite().all()
    (gradient,) = torch.autograd.grad(cost.value(found.pose_opt).sum(), weights)
    assert gradient.isfinite().all()


@EXAMPLES
@given(dofs, st.integers(1, 4), st.integers(3, 40), seeds)
def test_registration_finds_clean_poses_from_any_start(dof, batch, num, seed):
    manifold = YawPose() if dof == 4 else QuatPose()
    pose = random_poses(batch, dof, seed)
    x3d = box_points(batch, num, seed=seed + 1)
    points = x3d @ manifold.rotation_matrix(pose).mT + pose[:, None, :3]
    weights = torch.ones(batch, num, dtype=torch.float64)
    cost = RegistrationCost.from_points(x3d, points, weights, manifold=manifold)
    found = register(cost, num_iter=30, generator=generator(seed))
    assert (found.cost < 1e-6).all()
    polished = levenberg_marquardt(cost, found.pose_opt, 5)
    moved = manifold.rotation_matrix(polished.pose_opt) @ x3d.mT + polished.pose_opt[..., :3, None]
    torch.testing.assert_close(moved.mT, points, rtol=0, atol=1e-3)
