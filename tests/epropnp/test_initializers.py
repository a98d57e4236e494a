import numpy as np
import pytest
import torch
from scipy import stats

from epropnp.initializers import RSLMSolver, draw_subsets
from epropnp.levenberg_marquardt import levenberg_marquardt
from pnp_scenes import cost_of, scene


def rows(weights):
    return torch.as_tensor(weights, dtype=torch.float64)


def test_subsets_hold_distinct_points():
    index = draw_subsets(rows(torch.rand(3, 20)), 50, 8)
    assert index.shape == (50, 3, 8)
    assert (index.sort(-1).values.diff(dim=-1) > 0).all()


def test_the_first_point_is_drawn_in_proportion_to_its_weight():
    weights = torch.tensor([[1.0, 2, 3, 4], [5, 0, 0, 5]])
    index = draw_subsets(rows(weights), 8000, 1, torch.Generator().manual_seed(0))[..., 0]
    for b, expected in enumerate(weights.numpy()):
        counts = np.bincount(index[:, b], minlength=4)
        used = expected > 0
        assert (counts[~used] == 0).all()
        chances = expected[used] / expected.sum() * 8000
        assert stats.chisquare(counts[used], chances).pvalue > 1e-3


def test_pairs_are_drawn_without_replacement():
    """Chance of {0, 1} out of weights 1, 2, 3: 1/6 * 2/5 + 2/6 * 1/4 = 3/20."""
    index = draw_subsets(rows([[1.0, 2, 3]]), 8000, 2, torch.Generator().manual_seed(1))[:, 0]
    hits = (index.sum(-1) == 1).sum().item()
    assert stats.binomtest(hits, 8000, 0.15).pvalue > 1e-3


@pytest.mark.parametrize("weights", [[0.0] * 10, [0, 0, 0, 2.0] + [0] * 6, [-1.0] * 10])
def test_points_without_weight_fill_up_a_subset(weights):
    index = draw_subsets(rows([weights]), 20, 6)
    assert (index.sort(-1).values.diff(dim=-1) > 0).all()
    if max(weights) > 0:
        assert (index == 3).any(-1).all()


@pytest.mark.parametrize("points", [0, 1, 3])
def test_fewer_points_than_a_subset_are_all_used(points):
    assert draw_subsets(rows(torch.ones(2, points)), 5, 16).shape == (5, 2, points)


@pytest.mark.parametrize("dof", [4, 6])
def test_start_translation_is_in_the_right_place(dof):
    problem = scene(dof, num=50, points=200)
    start = cost_of(problem, dof).rough_translation()
    true = problem.pose[:, :3]
    ratio = start[:, 2] / true[:, 2]
    assert ((ratio > 0.6) & (ratio < 1.5)).all()
    sideways = (start[:, :2] / start[:, 2:] - true[:, :2] / true[:, 2:]).abs()
    assert (sideways < 0.06).all()


@pytest.mark.parametrize("dof", [4, 6])
def test_the_best_start_leads_to_the_true_pose(dof):
    problem = scene(dof, num=20, points=64, noise=0.5)
    cost = cost_of(problem, dof)
    pose, value = RSLMSolver(dof)(cost, torch.Generator().manual_seed(0)).best()
    torch.testing.assert_close(value, cost.value(pose))
    solution = levenberg_marquardt(cost, pose, 15)
    assert (solution.cost <= cost.value(problem.pose)).all()
    assert ((solution.pose_opt[:, :3] - problem.pose[:, :3]).norm(dim=1) < 0.2).all()


def test_a_proposal_without_a_cost_never_wins():
    problem = scene(4, num=3, points=20, noise=0.5)
    cost = cost_of(problem, 4)
    index = draw_subsets(cost.point_weights(), 8, 10, torch.Generator().manual_seed(0))
    rotation = torch.rand(8, 3, 1, dtype=torch.float64)

    class Spoiled:
        def __init__(self, bad):
            self.bad = bad

        def minimize(self, cost, pose, num_iter):
            found = levenberg_marquardt(cost, pose, num_iter)
            return found._replace(
                pose_opt=found.pose_opt.masked_fill(self.bad[..., None], torch.nan)
            )

    def best(bad):
        return RSLMSolver().from_subsets(cost, index, rotation, Spoiled(bad)).best()

    bad = torch.zeros(8, 3, dtype=torch.bool)
    clean, _ = best(bad)
    bad[1:, 1] = True  # only the first proposal of this object is left
    pose, value = best(bad)
    assert pose.isfinite().all()
    assert value.isfinite().all()
    assert torch.equal(pose[[0, 2]], clean[[0, 2]])
    bad[:, 1] = True
    _, value = best(bad)
    assert value[1] == torch.inf
    assert value[[0, 2]].isfinite().all()


def test_random_numbers_come_from_the_given_generator():
    cost = cost_of(scene(6, noise=3.0), 6)
    solver = RSLMSolver(num_proposals=4)
    first, again, other = (
        solver(cost, torch.Generator().manual_seed(s)).pose_init for s in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_degrees_of_freedom_are_checked():
    with pytest.raises(ValueError, match="dof=6 used for dof=4"):
        RSLMSolver(dof=6)(cost_of(scene(4), 4))
