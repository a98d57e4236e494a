import math

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, stats

from epropnp import EProPnP6DoF, LMSolver, PerspectiveCamera
from epropnp.kernels import AdaptiveHuberPnPCost, HuberPnPCost, adaptive_delta
from epropnp.manifolds import QuatPose
from epropnp.robust_kernels import (
    L2,
    AdaptiveCauchyPnPCost,
    AdaptiveGemanMcClurePnPCost,
    AdaptiveTukeyPnPCost,
    Cauchy,
    CauchyPnPCost,
    GemanMcClure,
    GemanMcClurePnPCost,
    L2PnPCost,
    Tukey,
    TukeyPnPCost,
)
from pnp_scenes import scene

KERNELS = [Cauchy, GemanMcClure, Tukey]
DELTA = torch.tensor([0.5, 2.0, 100.0], dtype=torch.float64)
# derivative of the cost by the error, as in the tables of Holland and Welsch (1977); the pull of
# Geman and McClure (1987) likewise
PULLS = {
    Cauchy: lambda s, c: s / (1 + (s / c) ** 2),
    GemanMcClure: lambda s, c: s / (1 + (s / c) ** 2) ** 2,
    Tukey: lambda s, c: s * (1 - (s / c) ** 2) ** 2 * (s < c),
}
EFFICIENT = {Cauchy: 2.385, GemanMcClure: 3.79, Tukey: 4.685}


def squares(requires_grad=False):
    generator = torch.Generator().manual_seed(0)
    draw = 9 * torch.rand(3, 50, generator=generator, dtype=torch.float64)
    return draw.requires_grad_(requires_grad)


@pytest.mark.parametrize("kind", KERNELS)
def test_value_is_the_integral_of_the_pull(kind):
    for delta in (0.5, 2.0):
        kernel = kind(torch.tensor([delta], dtype=torch.float64))
        for error in (0.3, 1.0, 3.0):
            value = kernel.value(torch.tensor([[error**2]], dtype=torch.float64)).item()
            expected, _ = integrate.quad(
                PULLS[kind], 0, error, args=(delta,), points=[min(delta, error)], epsabs=1e-13
            )
            assert value == pytest.approx(expected, rel=1e-10)


def test_cauchy_is_the_log_density_of_student_tails():
    """With c^2 = dof, (dof + 1) / dof times the cost is that of a one-dimensional t variable."""
    dof, error = 3.0, np.linspace(0, 50, 40)
    kernel = Cauchy(torch.tensor([math.sqrt(dof)], dtype=torch.float64))
    value = kernel.value(torch.from_numpy(error**2)[None])[0].numpy()
    expected = stats.t.logpdf(0, dof) - stats.t.logpdf(error, dof)
    np.testing.assert_allclose((dof + 1) / dof * value, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", KERNELS)
def test_root_weight_makes_least_squares_see_the_robust_gradient(kind):
    squared = squares(requires_grad=True)
    kernel = kind(DELTA)
    (slope,) = torch.autograd.grad(kernel.value(squared).sum(), squared)
    # d value / d s = weight * s, and s^2 is the variable here
    torch.testing.assert_close(
        kernel.root_weight(squared).square(), 2 * slope, rtol=1e-10, atol=1e-14
    )


@pytest.mark.parametrize("kind", KERNELS)
def test_value_and_root_weight_are_differentiable_in_error_and_threshold(kind):
    squared, delta = squares(requires_grad=True), DELTA.clone().requires_grad_()
    for function in (lambda s, d: kind(d).value(s), lambda s, d: kind(d).root_weight(s)):
        assert torch.autograd.gradcheck(function, (squared, delta))


@pytest.mark.parametrize("kind", KERNELS)
def test_far_below_the_threshold_nothing_is_robust(kind):
    for delta in (1e5, math.inf):
        kernel = kind(torch.full((3,), delta, dtype=torch.float64))
        torch.testing.assert_close(kernel.value(squares()), squares() / 2, rtol=1e-8, atol=0)
        torch.testing.assert_close(
            kernel.root_weight(squares()), torch.ones(3, 50, dtype=torch.float64), rtol=1e-8, atol=0
        )


@pytest.mark.parametrize("kind", [Tukey, GemanMcClure])
def test_bounded_costs_end_where_their_formula_says(kind):
    limit = DELTA.square() / (6 if kind is Tukey else 2)
    value = kind(DELTA).value(torch.full((3, 1), 1e20, dtype=torch.float64))[:, 0]
    torch.testing.assert_close(value, limit, rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", KERNELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_error_and_no_threshold_breaks_values_or_gradients(kind, dtype):
    top = 1e36 if dtype == torch.float32 else 1e300
    squared = torch.tensor([[0.0, 1e-30, 1.0, top]], dtype=dtype).repeat(3, 1).requires_grad_()
    delta = torch.tensor([0.0, 1e-12, 1e3], dtype=dtype, requires_grad=True)
    kernel = kind(delta)
    for output in (kernel.value(squared), kernel.root_weight(squared)):
        assert output.isfinite().all()
        assert (output >= 0).all()
        for grad in torch.autograd.grad(output.sum(), (squared, delta)):
            assert grad.isfinite().all()


@pytest.mark.parametrize("kind", KERNELS)
def test_the_documented_thresholds_keep_95_percent_of_the_information(kind):
    """Asymptotic efficiency of a location: (E psi')^2 / E psi^2 under a normal density."""
    delta = EFFICIENT[kind]

    def weighted(function):
        inside = (-delta, delta)
        return integrate.quad(
            lambda x: function(x) * stats.norm.pdf(x), -12, 12, points=inside, limit=200
        )[0]

    def pull(x):
        return np.sign(x) * PULLS[kind](abs(x), delta)

    slope = weighted(lambda x: x * pull(x))  # integration by parts of the derivative
    assert slope**2 / weighted(lambda x: pull(x) ** 2) == pytest.approx(0.95, abs=1e-3)


def test_l2_counts_every_point_in_full():
    squared = squares(requires_grad=True)
    assert torch.equal(L2().value(squared), squared / 2)
    assert torch.equal(L2().root_weight(squared), torch.ones_like(squared))
    assert L2().leaves() == {}


@pytest.mark.parametrize(
    ("fixed", "adaptive", "kind"),
    [
        (CauchyPnPCost, AdaptiveCauchyPnPCost, Cauchy),
        (GemanMcClurePnPCost, AdaptiveGemanMcClurePnPCost, GemanMcClure),
        (TukeyPnPCost, AdaptiveTukeyPnPCost, Tukey),
    ],
)
def test_settings_find_their_threshold_as_the_huber_ones_do(fixed, adaptive, kind):
    problem = scene(6, noise=1.0)
    x2d, w2d = problem.x2d, problem.w2d
    kernel = fixed(1.5).kernel(x2d, w2d)
    assert type(kernel) is kind
    assert torch.equal(kernel.delta, HuberPnPCost(1.5).kernel(x2d, w2d).delta)
    relative = adaptive(0.3, delta_gradient="none").kernel(x2d.requires_grad_(), w2d)
    assert type(relative) is kind
    assert not relative.delta.requires_grad
    torch.testing.assert_close(relative.delta, adaptive_delta(x2d, w2d, 0.3).detach())
    assert adaptive().relative_delta == AdaptiveHuberPnPCost().relative_delta


@pytest.mark.parametrize(
    ("setting", "pull"),
    [
        (CauchyPnPCost(3.0), Cauchy),
        (GemanMcClurePnPCost(6.0), GemanMcClure),
        (TukeyPnPCost(8.0), Tukey),
        (L2PnPCost(), None),
    ],
    ids=["cauchy", "geman-mcclure", "tukey", "l2"],
)
def test_the_layer_finds_the_robust_minimum_of_scipy(setting, pull):
    """From the true pose, with a fifth of the matches wrong."""
    problem = scene(6, num=2, points=30, noise=0.5)
    x2d = problem.x2d.clone()
    x2d[:, ::5] += 60.0
    solver = EProPnP6DoF(solver=LMSolver(dof=6, num_iter=60))
    camera = PerspectiveCamera().bind(problem.camera.cam_mats)  # nothing is clipped
    found = solver(problem.x3d, x2d, problem.w2d, camera, setting, problem.pose)
    assert found.valid.all()
    delta = getattr(setting, "delta", math.inf)
    cam_mats = problem.camera.cam_mats
    for b in range(2):

        def cost(step, b=b):
            pose = QuatPose().retract(found.pose_opt[b], torch.from_numpy(step))
            cam = problem.x3d[b] @ QuatPose().rotation_matrix(pose).mT + pose[:3]
            image = cam @ cam_mats[b].mT
            error = (image[:, :2] / image[:, 2:] - x2d[b]) * problem.w2d[b]
            s = error.norm(dim=-1).numpy()
            if pull is None:
                return 0.5 * (s**2).sum()
            if pull is Cauchy:
                return 0.5 * delta**2 * np.log1p((s / delta) ** 2).sum()
            if pull is GemanMcClure:
                return 0.5 * (s**2 / (1 + (s / delta) ** 2)).sum()
            return delta**2 / 6 * (1 - np.clip(1 - (s / delta) ** 2, 0, None) ** 3).sum()

        ours = cost(np.zeros(6))
        assert found.cost[b].item() == pytest.approx(ours, rel=1e-9)
        theirs = optimize.minimize(cost, np.zeros(6), method="BFGS", options={"gtol": 1e-9})
        assert ours - theirs.fun < 1e-5 * ours
        if pull in (GemanMcClure, Tukey):  # these ignore the wrong matches
            assert (found.pose_opt[b, :3] - problem.pose[b, :3]).norm() < 0.1
