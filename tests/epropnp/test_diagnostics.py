import math

import numpy as np
import pytest
import torch
from scipy import stats

from epropnp import (
    L2,
    EProPnP4DoF,
    HuberPnPCost,
    LMSolver,
    PosePrior,
    ReprojectionCost,
    SumCost,
    ViewedCost,
    pose_distribution,
)
from epropnp.cost import NormalEquations
from epropnp.diagnostics import (
    Diagnostics,
    clipped_share,
    distance_to_minimum,
    effective_sample_size,
    fit_generalized_pareto,
    pareto_k,
    pareto_k_limit,
)
from epropnp.levenberg_marquardt import levenberg_marquardt
from epropnp.manifolds import QuatPose
from pnp_scenes import scene
from pose_problems import box_points, generator, noisy_pnp_cost, quadratic_cost, random_poses

NUM = 3


def zhang_stephens(x):
    """The estimator, loop by loop as the article has it (with k of the opposite sign there)."""
    n = len(x)
    m = 30 + math.floor(math.sqrt(n))
    quartile = x[math.floor(n / 4 + 0.5) - 1]
    theta, log_likelihood = [], []
    for j in range(1, m + 1):
        theta.append(1 / x[-1] + (1 - math.sqrt(m / (j - 0.5))) / (3 * quartile))
        k = sum(math.log1p(-theta[-1] * v) for v in x) / n
        log_likelihood.append(n * (math.log(-theta[-1] / k) - k - 1))
    weights = [1 / sum(math.exp(b - a) for b in log_likelihood) for a in log_likelihood]
    theta_hat = sum(w * t for w, t in zip(weights, theta, strict=True))
    k = sum(math.log1p(-theta_hat * v) for v in x) / n
    return k, -k / theta_hat


@pytest.mark.parametrize("shape", [-0.4, 0.05, 0.5, 1.2])
def test_fit_agrees_with_the_article_and_with_the_truth(shape):
    num = 400
    draws = stats.genpareto.rvs(shape, scale=2.5, size=(num, 3), random_state=4)
    draws = np.sort(draws, axis=0)
    k, sigma = fit_generalized_pareto(torch.from_numpy(draws))
    expected = np.array([zhang_stephens(column) for column in draws.T.tolist()])
    np.testing.assert_allclose(k, expected[:, 0], rtol=1e-9)
    np.testing.assert_allclose(sigma, expected[:, 1], rtol=1e-9)
    # asymptotic deviation of the most likely k is (1 + k) / sqrt(n), of its log scale sqrt(2 ...)
    error = (1 + abs(shape)) / math.sqrt(num)
    assert np.abs(k.numpy() - shape).max() < 4 * error
    assert np.abs(np.log(sigma.numpy() / 2.5)).max() < 6 * error


@pytest.mark.parametrize("num", [30, 128, 512])
def test_tail_of_any_weights_is_that_of_the_article(num):
    """Tail length and prior of Vehtari and others, spelled out."""
    log_weights = 1.5 * torch.randn(num, 2, dtype=torch.float64, generator=generator())
    found = pareto_k(log_weights)
    size = math.ceil(min(0.2 * num, 3 * math.sqrt(num)))
    for column, k in zip(log_weights.T, found, strict=True):
        ratios = np.sort(np.exp(column.numpy() - column.max().item()))
        raw, _ = zhang_stephens((ratios[-size:] - ratios[-size - 1]).tolist())
        assert k.item() == pytest.approx((size * raw + 10 * 0.5) / (size + 10), rel=1e-9)


@pytest.mark.parametrize("rate", [1.25, 2.0, 5.0])
def test_tail_of_known_importance_weights(rate):
    """Target Exp(1), proposal Exp(rate): the weights are Pareto with index 1 - 1 / rate exactly."""
    num = 20000
    draws = torch.from_numpy(np.random.default_rng(0).exponential(1 / rate, (num, 4)))
    k = pareto_k((rate - 1.0) * draws)
    tail = 3 * math.sqrt(num)
    truth = 1 - 1 / rate
    assert (k - truth).abs().max() < 4 * (1 + truth) / math.sqrt(tail) + 10 / tail


def test_tail_does_not_depend_on_scale_order_or_other_objects():
    log_weights = torch.randn(200, 3, dtype=torch.float64, generator=generator()) * 2
    k = pareto_k(log_weights)
    torch.testing.assert_close(pareto_k(log_weights + 700.0), k, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(pareto_k(log_weights.flip(0)), k)
    spoiled = log_weights.clone()
    spoiled[:, 1] = math.nan
    assert torch.equal(pareto_k(spoiled)[::2], k[::2])
    assert pareto_k(spoiled)[1].isnan()
    spoiled = log_weights.clone()
    spoiled[7], log_weights[7] = math.nan, -math.inf
    assert torch.equal(pareto_k(spoiled), pareto_k(log_weights))


def test_tail_of_equal_weights_has_an_end_and_few_weights_have_none():
    assert (pareto_k(torch.zeros(100, 2)) == -math.inf).all()
    assert pareto_k(torch.zeros(20, 2)).isnan().all()
    assert (pareto_k(torch.zeros(21, 2)) == -math.inf).all()
    few = torch.full((100, 1), -math.inf)
    few[:10] = 0.0
    assert pareto_k(few).isnan().all()
    assert pareto_k(torch.zeros(100, 0)).shape == (0,)


def test_one_weight_far_above_all_others_is_a_heavy_tail():
    log_weights = torch.randn(512, 1, generator=generator())
    log_weights[100] = 300.0
    assert pareto_k(log_weights).item() > 1.0


def test_limit_is_that_of_the_article():
    assert pareto_k_limit(100) == pytest.approx(0.5)
    assert pareto_k_limit(512) == pytest.approx(0.6309, abs=1e-4)
    assert pareto_k_limit(10**6) == 0.7


def test_effective_sample_size():
    weights = torch.tensor([[1.0, 1.0, 3.0], [1.0, 0.0, 1.0], [1.0, 0.0, 0.0]]).double()
    found = effective_sample_size(weights.log() + 900.0)
    torch.testing.assert_close(found, torch.tensor([3.0, 1.0, 1.6]).double())
    assert effective_sample_size(torch.full((4, 1), -math.inf)).tolist() == [0.0]
    assert effective_sample_size(torch.full((4, 1), math.nan)).tolist() == [0.0]


def test_distance_to_the_minimum_of_a_quadratic_is_the_mahalanobis_length():
    cost = quadratic_cost(5)
    step = torch.randn(5, 4, dtype=torch.float64, generator=generator()) * 0.05
    equations = cost.linearize(cost.mode + step).normal_equations()
    hessian = cost.factor.mT @ cost.factor
    expected = torch.einsum("bi,bij,bj->b", step, hessian, step).sqrt()
    found = distance_to_minimum(NormalEquations(*equations))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-8)


def test_without_a_curvature_nothing_has_converged():
    nan = torch.full((1, 4, 4), math.nan)
    assert distance_to_minimum(NormalEquations(torch.zeros(1), torch.zeros(1, 4), nan)) == math.inf


def record(**changes):
    fields = {
        "effective_sample_size": torch.tensor([100.0]),
        "pareto_k": torch.tensor([0.1]),
        "distance_to_minimum": torch.tensor([0.01]),
        "clipped_share": torch.tensor([0.1]),
        "num_samples": 512,
    }
    return Diagnostics(**{**fields, **changes})


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("effective_sample_size", 30.0, 29.0),
        ("pareto_k", 0.63, 0.6310),
        ("distance_to_minimum", 0.099, 0.1),
        ("clipped_share", 0.5, 0.51),
    ],
)
def test_each_number_alone_can_withdraw_the_trust(field, good, bad):
    assert record().trusted.item()
    values = torch.tensor([good, bad, math.nan])
    assert record(**{field: values}).trusted.tolist() == [True, False, False]


def test_limit_of_the_tail_depends_on_the_number_of_samples():
    assert record(num_samples=512, pareto_k=torch.tensor([0.55])).trusted.item()
    assert not record(num_samples=128, pareto_k=torch.tensor([0.55])).trusted.item()


@pytest.mark.parametrize("steps", [0, 30])
def test_a_solver_that_was_stopped_has_not_converged(steps):
    pose = random_poses(6, 6)
    cost = noisy_pnp_cost(pose, box_points(6, 30), 1.0, QuatPose())
    start = pose.clone()
    start[:, :3] += 0.3
    found = levenberg_marquardt(cost, start, steps)
    equations = NormalEquations(*cost.linearize(found.pose_opt).normal_equations())
    distance = distance_to_minimum(equations)
    assert ((distance < 0.1) == (steps > 0)).all()


def near_the_border(share=0.5):
    """A scene of which a known share of the used points lies far out of the image."""
    problem = scene(6, NUM, 24, noise=1.0)
    x3d = problem.x3d.clone()
    far = round(share * 20)
    x3d[:, :far] = torch.tensor([3e3, 0.0, 0.0]).double()
    w2d = problem.w2d.clone()
    w2d[:, 20:] = 0.0  # clipped or not, these do not count
    return (x3d, problem.x2d, w2d, problem.camera), problem.pose


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_share_of_clipped_points(share):
    (x3d, x2d, w2d, camera), pose = near_the_border(share)
    cost = ReprojectionCost.from_correspondences(x3d, x2d, w2d, camera, L2(), QuatPose())
    assert clipped_share(cost, pose).tolist() == [share] * NUM
    seen = ViewedCost.from_camera(cost, torch.eye(3).double(), torch.zeros(3).double(), QuatPose())
    prior = PosePrior.from_covariance(pose, torch.eye(6).double(), QuatPose())
    assert clipped_share(SumCost((prior, cost, seen)), pose).tolist() == [share] * NUM
    assert clipped_share(prior, pose).tolist() == [0.0] * NUM


def test_every_result_can_tell_how_it_came_about():
    problem = scene(4, NUM, noise=1.0)
    arguments = (*problem.correspondences, HuberPnPCost(3.0), problem.pose)
    layer = EProPnP4DoF(128)
    source = generator()
    solved = layer(*arguments, with_diagnostics=True, generator=source).diagnostics
    assert solved.trusted.all()
    assert solved.pareto_k is None
    alone = layer.solver(*arguments, with_diagnostics=True, generator=source).diagnostics
    torch.testing.assert_close(alone.clipped_share, solved.clipped_share)
    result = layer.monte_carlo_forward(*arguments, with_diagnostics=True, generator=source)
    weights = result.pose_sample_logweights.detach()
    torch.testing.assert_close(result.diagnostics.pareto_k, pareto_k(weights))
    torch.testing.assert_close(
        result.diagnostics.effective_sample_size, effective_sample_size(weights)
    )
    assert result.diagnostics.num_samples == 128
    assert not result.diagnostics.pareto_k.requires_grad
    assert layer(*arguments, generator=source).diagnostics is None
    density = pose_distribution(layer, *arguments, generator=source)
    assert density.diagnostics.trusted.all()
    assert torch.equal(density.effective_sample_size, density.diagnostics.effective_sample_size)


def test_a_solver_without_steps_is_not_trusted():
    problem = scene(4, NUM, noise=1.0)
    away = problem.pose.clone()
    away[:, :3] += 0.5
    layer = EProPnP4DoF(128, solver=LMSolver(4, num_iter=0))
    arguments = (*problem.correspondences, HuberPnPCost(3.0), away)
    found = layer.monte_carlo_forward(*arguments, with_diagnostics=True, generator=generator())
    assert not found.diagnostics.trusted.any()
    assert not found.diagnostics.converged.any()
