import pytest
import torch

from epropnp.gauss_newton import gauss_newton, gauss_newton_step
from epropnp.levenberg_marquardt import levenberg_marquardt
from pnp_scenes import cost_of, near_scene, scene


@pytest.mark.parametrize("dof", [4, 6])
def test_steps_are_those_of_the_normal_equations(dof):
    problem = scene(dof, noise=2.0)
    cost = cost_of(problem, dof)
    jacobian, residual = (cost.linearize(problem.pose)[i] for i in (1, 0))
    normal = jacobian.mT @ jacobian + 1e-5 * torch.eye(dof, dtype=torch.float64)
    step = -torch.linalg.solve(normal, (jacobian.mT @ residual.unsqueeze(-1)).squeeze(-1))
    torch.testing.assert_close(gauss_newton_step(cost, problem.pose), step)
    expected = cost.manifold.retract(problem.pose, step)
    torch.testing.assert_close(
        gauss_newton(cost, problem.pose, 1, keep_best=False).pose_opt, expected
    )


@pytest.mark.parametrize("dof", [4, 6])
def test_it_converges_to_the_minimum(dof):
    problem = scene(dof, noise=2.0)
    cost = cost_of(problem, dof)
    fast, slow = (solve(cost, problem.pose, 12) for solve in (gauss_newton, levenberg_marquardt))
    torch.testing.assert_close(fast.pose_opt, slow.pose_opt, rtol=0, atol=1e-6)
    torch.testing.assert_close(fast.hessian, slow.hessian, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_the_best_pose_is_kept_with_its_cost_and_curvature(seed):
    cost, pose = near_scene(4, seed=seed)
    best = gauss_newton(cost, pose, 6)
    last = gauss_newton(cost, pose, 6, keep_best=False)
    assert (best.cost <= cost.value(pose)).all()
    assert (best.cost <= last.cost).all()
    torch.testing.assert_close(best.cost, cost.value(best.pose_opt))
    torch.testing.assert_close(best.hessian, cost.normal_equations(best.pose_opt).hessian)


def test_plain_gauss_newton_can_end_above_its_start():
    """Why the best pose is kept: without that some of these objects end worse than they began."""
    worse = [
        (gauss_newton(cost.unclipped(), pose, 6, keep_best=False).cost > cost.value(pose)).any()
        for cost, pose in (near_scene(4, seed=seed) for seed in range(4))
    ]
    assert any(worse)


def test_the_published_variant_reports_the_curvature_before_its_last_step():
    problem = scene(4, noise=2.0)
    cost = cost_of(problem, 4)
    before = gauss_newton(cost, problem.pose, 2, keep_best=False)
    after = gauss_newton(cost, problem.pose, 3, keep_best=False)
    expected = cost.normal_equations(before.pose_opt).hessian
    torch.testing.assert_close(after.hessian, expected)
    torch.testing.assert_close(after.cost, cost.value(after.pose_opt))


def test_no_steps_give_the_start():
    cost, pose = near_scene(4)
    for keep_best in (True, False):
        result = gauss_newton(cost, pose, 0, keep_best)
        assert torch.equal(result.pose_opt, pose)
        torch.testing.assert_close(result.cost, cost.value(pose))


def test_a_start_that_is_not_finite_loses_against_nothing_else():
    problem = scene(4, noise=2.0)
    cost = cost_of(problem, 4)
    start = problem.pose.clone()
    start[0] = torch.nan
    result = gauss_newton(cost, start, 5)
    expected = gauss_newton(cost, problem.pose, 5)
    torch.testing.assert_close(result.pose_opt[1:], expected.pose_opt[1:], rtol=1e-9, atol=0)


@pytest.mark.parametrize("dof", [4, 6])
def test_gradient_of_the_step_says_where_the_minimum_moves(dof):
    """Without residuals the Gauss-Newton step is exact: its gradient is that of the argmin."""
    problem = scene(dof, num=2, points=8)
    direction = torch.randn(2, 8, 2, generator=torch.Generator().manual_seed(1)).double()
    x2d = problem.x2d.clone().requires_grad_()
    cost = cost_of(problem._replace(x2d=x2d), dof)
    moved = cost.manifold.retract(problem.pose, gauss_newton_step(cost, problem.pose))
    (ours,) = torch.autograd.grad(moved[0, 2] + moved[1, 3], x2d)

    def minimum(amount):
        shifted = problem._replace(x2d=problem.x2d + amount * direction)
        pose = levenberg_marquardt(cost_of(shifted, dof), problem.pose, 20).pose_opt
        return pose[0, 2] + pose[1, 3]

    eps = 1e-3
    numeric = (minimum(eps) - minimum(-eps)) / (2 * eps)
    torch.testing.assert_close((ours * direction).sum(), numeric, rtol=1e-4, atol=0)


@pytest.mark.parametrize("dof", [4, 6])
def test_step_is_differentiable_under_a_robust_kernel(dof):
    problem = scene(dof, num=1, points=6, noise=5.0)
    inputs = tuple(t.requires_grad_() for t in (problem.x3d, problem.x2d, problem.w2d))

    def step(x3d, x2d, w2d):
        cost = cost_of(problem._replace(x3d=x3d, x2d=x2d, w2d=w2d), dof, delta=3.0)
        return gauss_newton_step(cost, problem.pose)

    assert torch.autograd.gradcheck(step, inputs, eps=1e-7, atol=1e-5, rtol=1e-3)
