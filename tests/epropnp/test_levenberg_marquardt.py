import itertools

import numpy as np
import pytest
import torch
from scipy import optimize

from epropnp.levenberg_marquardt import Solution, TrustRegion, _gain, levenberg_marquardt
from pnp_scenes import cost_of, near_scene, scene, tilted
from pose_problems import QuadraticYawCost

KINDS = ["yaw", "tilted yaw", "quaternion"]


def problem_and_cost(kind, delta=1e6, noise=3.0, outliers=0, num=4):
    dof = 6 if kind == "quaternion" else 4
    gravity = tilted(num) if kind == "tilted yaw" else None
    problem = scene(dof, num=num, noise=noise, gravity=gravity, seed=3)
    problem.x2d[:, :outliers] += 80.0
    return problem, cost_of(problem, dof, delta, gravity)


def start_near(problem, seed=0):
    """A pose about a metre and ten degrees off."""
    generator = torch.Generator().manual_seed(seed)
    offset = torch.randn(problem.pose.shape, generator=generator, dtype=torch.float64)
    pose = problem.pose + offset * torch.tensor([0.4, 0.4, 0.8] + [0.1] * (offset.shape[1] - 3))
    if pose.shape[1] == 7:
        pose[:, 3:] /= pose[:, 3:].norm(dim=1, keepdim=True)
    return pose


def one(cost, index):
    """The cost of one object as a function of a numpy tangent step from a pose."""

    def function(pose):
        def value(step):
            poses = pose.unsqueeze(0).repeat(4, 1)
            steps = torch.from_numpy(step).expand(4, -1)
            return cost.value(cost.manifold.retract(poses, steps))[index].item()

        return value

    return function


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outliers", [0, 4])
def test_minimum_is_that_of_scipy(kind, outliers):
    problem, cost = problem_and_cost(kind, delta=2.0, outliers=outliers)
    solution = levenberg_marquardt(cost, start_near(problem), 40)
    torch.testing.assert_close(solution.cost, cost.value(solution.pose_opt))
    for index in range(4):
        function = one(cost, index)(solution.pose_opt[index])
        start = np.full(cost.manifold.dof, 0.01)
        best = optimize.minimize(function, start, method="BFGS", options={"gtol": 1e-9})
        assert solution.cost[index].item() <= best.fun * (1 + 1e-6)
        assert solution.cost[index].item() >= best.fun * (1 - 1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_clean_data_gives_the_true_pose(kind):
    problem, cost = problem_and_cost(kind, noise=0.0)
    solution = levenberg_marquardt(cost, start_near(problem), 20)
    sign = 1.0
    if problem.pose.shape[1] == 7:
        sign = (solution.pose_opt[:, 3:] * problem.pose[:, 3:]).sum(1, keepdim=True).sign()
        solution.pose_opt[:, 3:] *= sign
    torch.testing.assert_close(solution.pose_opt, problem.pose, rtol=0, atol=1e-7)


def test_cost_never_rises_with_more_steps():
    cost, pose = near_scene(4)
    values = [levenberg_marquardt(cost, pose, n).cost for n in range(12)]
    torch.testing.assert_close(values[0], cost.value(pose))
    for before, after in itertools.pairwise(values):
        assert (after <= before * (1 + 1e-15)).all()
    assert (values[-1] < 0.9 * values[0]).any()


def quadratic(seed=0):
    generator = torch.Generator().manual_seed(seed)
    mode = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    factor = torch.randn(3, 4, 4, generator=generator, dtype=torch.float64)
    return QuadraticYawCost(mode, factor + 3 * torch.eye(4, dtype=torch.float64))


def test_a_quadratic_cost_is_solved_and_its_covariance_is_exact():
    cost = quadratic()
    solution = levenberg_marquardt(cost, cost.mode + 0.3, 10)
    torch.testing.assert_close(solution.pose_opt, cost.mode, rtol=0, atol=1e-8)
    covariance, solved = solution.covariance()
    assert solved.all()
    identity = torch.eye(4, dtype=torch.float64)
    precision = cost.factor.mT @ cost.factor + 1e-5 * identity
    torch.testing.assert_close(covariance, torch.linalg.inv(precision))


def test_a_step_that_is_not_finite_is_rejected_for_its_object_alone():
    problem, cost = problem_and_cost("yaw")
    start = start_near(problem)
    expected = levenberg_marquardt(cost, start, 10)
    broken = start.clone()
    broken[1] = torch.nan
    result = levenberg_marquardt(cost, broken, 10)
    assert result.pose_opt[1].isnan().all()
    keep = [0, 2, 3]
    for ours, theirs in zip(result, expected, strict=True):
        torch.testing.assert_close(ours[keep], theirs[keep], rtol=1e-9, atol=0)


def test_objects_do_not_depend_on_their_batch():
    problem, cost = problem_and_cost("quaternion", delta=2.0, outliers=3)
    start = start_near(problem)
    together = levenberg_marquardt(cost, start, 10)
    for b in range(4):
        alone = problem._replace(
            x3d=problem.x3d[b : b + 1],
            x2d=problem.x2d[b : b + 1],
            w2d=problem.w2d[b : b + 1],
            camera=problem.camera.bind(problem.camera.cam_mats[:1], torch.tensor([620, 840])),
        )
        single = levenberg_marquardt(cost_of(alone, 6, 2.0), start[b : b + 1], 10)
        torch.testing.assert_close(single.pose_opt, together.pose_opt[b : b + 1], rtol=0, atol=1e-7)


def test_subsets_are_solved_like_a_batch():
    problem, cost = problem_and_cost("yaw")
    index = torch.arange(24).expand(5, 4, 24)
    starts = torch.stack([start_near(problem, seed) for seed in range(5)])
    together = levenberg_marquardt(cost.subset(index), starts, 4)
    for q in range(5):
        torch.testing.assert_close(
            together.pose_opt[q], levenberg_marquardt(cost, starts[q], 4).pose_opt
        )


def test_the_radius_follows_the_quality_of_the_steps():
    region = TrustRegion()
    gain = torch.tensor([1.0, 0.5, 0.1, 0.0])
    accepted = torch.tensor([True, True, True, False])
    radius = region.resize(torch.full((4,), 30.0), torch.full((4,), 4.0), gain, accepted)
    torch.testing.assert_close(radius, torch.tensor([90.0, 30.0, 30 / (1 + 0.8**3), 7.5]))
    largest = region.resize(torch.full((1,), 1e16), torch.ones(1), gain[:1], accepted[:1])
    assert largest.item() == pytest.approx(1e16)


def test_steps_hidden_by_rounding_are_taken():
    value = torch.tensor([100.0, 100.0, 100.0, 100.0])
    trial = value + torch.tensor([2e-5, 1e-3, -1e-3, torch.nan])
    predicted = torch.tensor([1e-5, 1e-5, 2e-3, 1e-5])
    gain = _gain(value, trial, predicted)
    assert gain[0] == 1
    assert gain[1] < 0
    torch.testing.assert_close(gain[2], torch.tensor(0.5), rtol=0.01, atol=0)
    assert gain[3].isnan()


def test_no_objects():
    problem = scene(4, num=0)
    solution = levenberg_marquardt(cost_of(problem, 4), problem.pose, 3)
    assert solution.pose_opt.shape == (0, 4)
    assert solution.covariance()[0].shape == (0, 4, 4)


def test_solutions_carry_no_graph():
    cost = quadratic()
    cost.mode.requires_grad_()
    assert not any(t.requires_grad for t in levenberg_marquardt(cost, cost.mode + 1, 2))
    assert Solution._fields == ("pose_opt", "cost", "hessian")
