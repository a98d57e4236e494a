import pytest
import torch

from epropnp import gauss_newton_step, levenberg_marquardt
from epropnp.implicit import implicit_pose, second_derivative
from epropnp.kernels import Huber
from epropnp.reprojection import ReprojectionCost
from epropnp.robust_kernels import Cauchy, Tukey
from epropnp.tangent import step_between
from epropnp.terms import PosePrior, SumCost
from pnp_scenes import manifold_of, scene, tilted
from pose_problems import generator

NUM = 3
GRAVITY = tilted(NUM)


def problem(dof, kind=Huber, gravity=None):
    """A cost with residuals that stay, some of them outliers, and its minimum."""
    data = scene(dof, NUM, 16, noise=6.0, gravity=gravity, seed=1)
    camera = data.camera.bind(data.camera.cam_mats, gravity=gravity)
    kernel = kind(torch.tensor([1.5, 2.0, 3.0]).double())
    cost = ReprojectionCost.from_correspondences(
        *data[:3], camera, kernel, manifold_of(dof, gravity)
    )
    return cost, solved(cost, data.pose)


def solved(cost, start):
    """Root of the gradient; Gauss-Newton steps come near it, Newton steps to the last digit."""
    pose = levenberg_marquardt(cost, start, 40).pose_opt
    for _ in range(4):
        gradient = cost.normal_equations(pose).gradient
        step = -torch.linalg.solve(second_derivative(cost, pose), gradient)
        pose = cost.manifold.retract(pose, step)
    return pose


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("kind", [Huber, Cauchy])
@pytest.mark.parametrize(
    "name", ["points_obj", "points_2d", "weights", "camera.cam_mats", "kernel.delta"]
)
def test_gradient_is_that_of_the_whole_solve(dof, kind, name):
    """Against central differences of full solves; one Gauss-Newton step is visibly off."""
    cost, pose = problem(dof, kind)
    leaf = cost.leaves()[name]
    direction = torch.randn(leaf.shape, generator=generator(3)).double() * leaf.abs().mean()
    if name == "camera.cam_mats":
        direction[:, 2] = 0.0
    size = 1e-5
    ahead, behind = (
        solved(cost.with_leaves({name: leaf + sign * size * direction}), pose) for sign in (1, -1)
    )
    expected = (
        step_between(cost.manifold, pose, ahead) - step_between(cost.manifold, pose, behind)
    ) / (2 * size)

    def moved(function):
        learnt = leaf.clone().requires_grad_()
        at_learnt = cost.with_leaves({name: learnt})
        step = step_between(cost.manifold, pose, function(at_learnt))
        rows = [
            (torch.autograd.grad(column.sum(), learnt, retain_graph=True)[0] * direction)
            .reshape(NUM, -1)
            .sum(1)
            for column in step.unbind(-1)
        ]
        return torch.stack(rows, dim=-1)

    exact = moved(lambda c: implicit_pose(c, pose))
    torch.testing.assert_close(exact, expected, rtol=2e-4, atol=1e-6 * expected.abs().max().item())
    rough = moved(lambda c: c.manifold.retract(pose, gauss_newton_step(c, pose)))
    assert (rough - expected).abs().max() > 20 * (exact - expected).abs().max()


@pytest.mark.parametrize("dof", [4, 6])
def test_the_pose_itself_does_not_move(dof):
    cost, pose = problem(dof)
    torch.testing.assert_close(implicit_pose(cost, pose), pose, rtol=0, atol=1e-15)


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("gravity", [None, GRAVITY], ids=["level", "tilted"])
def test_second_derivative_agrees_with_autograd_of_the_value(dof, gravity):
    cost, pose = problem(dof, Cauchy, gravity if dof == 4 else None)

    def value(step):
        return cost.value(cost.manifold.retract(pose, step)).sum()

    zero = torch.zeros(NUM, dof, dtype=torch.float64)
    dense = torch.autograd.functional.hessian(value, zero)
    objects = torch.arange(NUM)
    expected = dense[objects, :, objects, :]
    torch.testing.assert_close(second_derivative(cost, pose), expected, rtol=1e-6, atol=1e-4)


def test_it_works_on_a_sum_of_costs():
    cost, pose = problem(6)
    prior = PosePrior.from_covariance(pose, 0.1 * torch.eye(6).double(), cost.manifold)
    leaf = prior.pose.clone().requires_grad_()
    whole = SumCost((cost, prior.with_leaves({"pose": leaf})))
    found = implicit_pose(whole, solved(whole, pose))
    (gradient,) = torch.autograd.grad(found[:, 2].sum(), leaf)
    assert (gradient[:, 2] > 0).all()
    assert (gradient[:, 2] < 1).all()


def test_no_gradient_where_nothing_is_known_and_no_influence_on_others():
    cost, pose = problem(6, Tukey)
    alone = cost.points_2d.clone().requires_grad_()
    implicit_pose(cost.with_leaves({"points_2d": alone}), pose)[1:].sum().backward()
    weights = cost.weights.clone()
    weights[0] = 0.0
    learnt = cost.points_2d.clone().requires_grad_()
    implicit_pose(
        cost.with_leaves({"points_2d": learnt, "weights": weights}), pose
    ).sum().backward()
    assert (learnt.grad[0] == 0).all()
    torch.testing.assert_close(learnt.grad[1:], alone.grad[1:])


def test_at_a_pose_that_is_no_minimum_the_gradient_is_that_of_one_step_of_gauss_newton_curvature():
    cost, pose = problem(6)
    away = cost.manifold.retract(pose, torch.full((NUM, 6), 0.6).double())
    eigenvalues = torch.linalg.eigvalsh(second_derivative(cost, away))
    assert (eigenvalues.amin(-1) < 0).any()
    learnt = cost.points_2d.clone().requires_grad_()
    implicit_pose(cost.with_leaves({"points_2d": learnt}), away).sum().backward()
    assert learnt.grad.isfinite().all()
    assert (learnt.grad.flatten(1).abs().sum(1) > 0).all()


def test_a_second_derivative_of_the_pose_is_refused():
    cost, pose = problem(6)
    learnt = cost.points_2d.clone().requires_grad_()
    found = implicit_pose(cost.with_leaves({"points_2d": learnt}), pose)
    with pytest.raises(RuntimeError, match="cannot be differentiated again"):
        torch.autograd.grad(found.sum(), learnt, create_graph=True)
