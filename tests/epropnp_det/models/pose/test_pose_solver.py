"""The PnP stage: poses of synthetic objects, localisation scores, nested settings."""

import math

import pytest
import torch
from mmdet3d.registry import MODELS

from det_pose_objects import PNP, make_objects
from epropnp import CUDAGraphs
from epropnp_det.models.pose.pose_solver import PoseSolver
from epropnp_det.models.pose.scores import localization_score, monte_carlo_scores
from epropnp_det.models.structures import ObjectPredictions
from epropnp_mm.layer import merge_settings


@pytest.fixture
def solver():
    return MODELS.build(dict(type="PoseSolver", pnp=PNP))


def test_recovers_poses_with_the_camera_of_each_image(solver):
    objects, poses, geometry, img_inds = make_objects()
    torch.manual_seed(0)
    estimates = solver.solve(objects, geometry, img_inds, with_pose_cov=True)
    assert estimates.valid.all()
    torch.testing.assert_close(estimates.poses[:, :3], poses[:, :3], rtol=1e-3, atol=1e-2)
    turn = (estimates.poses[:, 3] - poses[:, 3]).cos()
    torch.testing.assert_close(turn, torch.ones(6), atol=1e-4, rtol=0)
    torch.testing.assert_close(estimates.scores, objects.score_logits.sigmoid())
    assert (torch.linalg.eigvalsh(estimates.covariances) > 0).all()


def test_an_object_without_weights_is_not_valid(solver):
    objects, _, geometry, img_inds = make_objects()
    w2d = objects.w2d.clone()
    w2d[2] = 0
    estimates = solver.solve(objects._replace(w2d=w2d), geometry, img_inds)
    assert estimates.valid.tolist() == [True, True, False, True, True, True]


def test_no_objects(solver):
    objects, _, geometry, img_inds = make_objects()
    none = ObjectPredictions(*(None if field is None else field[:0] for field in objects))
    estimates = solver.solve(none, geometry, img_inds[:0], mc_scoring_ratio=0.5)
    assert estimates.poses.shape == (0, 4)
    assert estimates.scores.shape == (0,)


def test_certain_objects_keep_their_score_and_uncertain_ones_lose_it(solver):
    objects, _, geometry, img_inds = make_objects()
    torch.manual_seed(0)
    certain = solver.solve(objects, geometry, img_inds, mc_scoring_ratio=1.0).scores
    vague = objects._replace(scale=objects.scale / 3000)
    uncertain = solver.solve(vague, geometry, img_inds, mc_scoring_ratio=1.0).scores
    assert (certain > 0.9).all()
    assert (uncertain < certain).all()


def test_scoring_samples_around_the_returned_pose_with_one_solve(solver, monkeypatch):
    objects, _, geometry, img_inds = make_objects(noise=2.0)
    calls = []
    search = type(solver.test_pnp.solver).search

    def counted(self, *args, **kwargs):
        calls.append(1)
        return search(self, *args, **kwargs)

    monkeypatch.setattr(type(solver.test_pnp.solver), "search", counted)
    sampled = solver.test_pnp.monte_carlo_forward
    results = []
    monkeypatch.setattr(
        solver.test_pnp,
        "monte_carlo_forward",
        lambda *args, **kwargs: results.append(sampled(*args, **kwargs)) or results[-1],
    )
    estimates = solver.solve(objects, geometry, img_inds, mc_scoring_ratio=0.5)
    assert len(calls) == 1
    torch.testing.assert_close(estimates.poses, results[0].pose_opt)


@pytest.mark.parametrize("ratio", [0.0, 0.5])
def test_a_generator_makes_inference_repeatable(solver, ratio):
    objects, _, geometry, img_inds = make_objects(noise=40.0)  # several minima
    vague = objects._replace(scale=objects.scale / 100)

    def solve(seed):
        generator = torch.Generator().manual_seed(seed)
        return solver.solve(vague, geometry, img_inds, mc_scoring_ratio=ratio, generator=generator)

    first, again, other = solve(0), solve(0), solve(1)
    assert torch.equal(first.poses, again.poses)
    assert torch.equal(first.scores, again.scores)
    assert not torch.equal(first.poses, other.poses)


@pytest.mark.parametrize(
    ("distance", "score"), [(0.0, 1.0), (2**-1.5, 1.0), (2**0.5, 0.5), (2**2.5, 0.0), (99.0, 0.0)]
)
def test_localization_score(distance, score):
    assert float(localization_score(torch.tensor(distance))) == pytest.approx(score, abs=1e-6)


def test_monte_carlo_score_is_the_weighted_mean_of_ground_plane_errors():
    pose = torch.tensor([[1.0, 2.0, 10.0, 0.3]])
    samples = pose + torch.tensor([[[0.0, 50, 0, 2]], [[0, 0, 2**0.5, 0]], [[99, 0, 0, 0]]])
    log_weights = torch.tensor([[1.0], [3.0], [4.0]]).log() + 7
    score = monte_carlo_scores(samples, log_weights, pose)
    assert float(score) == pytest.approx((1 * 1 + 3 * 0.5 + 4 * 0) / 8, abs=1e-6)


def test_test_settings_replace_nested_ones():
    stage = PoseSolver(PNP, test_pnp=dict(mc_samples=128, solver=dict(num_iter=3)))
    assert (stage.pnp.solver.num_iter, stage.test_pnp.solver.num_iter) == (10, 3)
    assert stage.test_pnp.solver.init_solver is not None
    merged = merge_settings(PNP, dict(solver=dict(num_iter=3)))
    assert PNP["solver"]["num_iter"] == 10
    assert merged["solver"] == {**PNP["solver"], "num_iter": 3}
    assert math.isclose(stage.camera.z_min, 0.1)


def training_poses_and_searches(monkeypatch, **settings):
    """Training poses of some objects, and how often a start was searched for."""
    stage = PoseSolver(PNP, **settings)
    objects, poses, geometry, img_inds = make_objects(noise=5.0)
    calls = []
    start = type(stage.pnp.solver.init_solver)
    search = start.__call__
    monkeypatch.setattr(start, "__call__", lambda *args: calls.append(1) or search(*args))
    return stage.training_poses(objects, geometry, img_inds, poses), len(calls)


def test_one_search_for_a_start_serves_a_training_step(monkeypatch):
    poses, searches = training_poses_and_searches(monkeypatch, derivative_cost_fun=None)
    assert searches == 1
    assert poses.valid.all()
    assert poses.log_weights.isfinite().all()


def test_another_cost_of_the_derivatives_has_its_own_start(monkeypatch):
    other = dict(relative_delta=0.2)
    _, searches = training_poses_and_searches(monkeypatch, derivative_cost_fun=other)
    assert searches == 2


@pytest.mark.parametrize(
    ("test_pnp", "expected"),
    [
        (None, (32, 32)),
        (dict(runner=dict(multiple=256)), (256, 32)),
        (dict(mc_samples=128, runner=None), None),
    ],
)
def test_the_runner_of_training_serves_inference_too(test_pnp, expected):
    stage = PoseSolver(dict(PNP, runner=dict(type="CUDAGraphs")), test_pnp=test_pnp)
    runner = stage.test_pnp.runner
    assert stage.pnp.runner.multiple == 32
    if expected is None:
        assert not isinstance(runner, CUDAGraphs)
    else:
        assert (runner.multiple, runner.most) == expected


def test_inference_can_have_a_runner_of_its_own():
    stage = PoseSolver(PNP, test_pnp=dict(runner=dict(type="CUDAGraphs")))
    assert isinstance(stage.test_pnp.runner, CUDAGraphs)
    assert not isinstance(stage.pnp.runner, CUDAGraphs)


def test_inference_gives_its_generator_to_the_runner():
    calls = []

    def runner(function, call):
        calls.append(call)
        return function(call)

    stage = PoseSolver(PNP)
    stage.test_pnp.runner = runner
    objects, _, geometry, img_inds = make_objects()
    generator = torch.Generator().manual_seed(0)
    for options in (dict(with_pose_cov=True, fast_mode=True), dict(mc_scoring_ratio=0.5)):
        stage.solve(objects, geometry, img_inds, generator=generator, **options)
    assert [call.generator for call in calls] == [generator] * 2
    assert [(call.options.fast_mode, call.options.with_pose_cov) for call in calls] == [
        (True, True),
        (False, True),
    ]
