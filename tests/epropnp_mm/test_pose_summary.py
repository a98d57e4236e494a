"""Summaries of normal distributions against closed forms."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import norm

from epropnp.manifolds import QuatPose, YawPose
from epropnp.posterior import PoseDistribution
from epropnp_mm.pose_summary import (
    Corrections,
    Tolerance,
    arcs,
    summarize,
    temper,
    weighted_quantiles,
)

NUM = 20000
SPREAD = torch.tensor([0.3, 0.1, 0.3, 0.2], dtype=torch.float64)
MODES = torch.tensor([[2.0, 1.0, 10.0, 3.1], [-4.0, 1.0, 20.0, 0.0]], dtype=torch.float64)


def distribution_of(poses, manifold):
    num, count = poses.shape[:2]
    weights = torch.full((num, count), 1 / num, dtype=poses.dtype)
    dof = manifold.dof
    return PoseDistribution(
        pose_cost=SimpleNamespace(manifold=manifold),
        pose_opt=MODES if dof == 4 else poses[0],
        pose_cov=torch.diag_embed(SPREAD.square()).expand(count, -1, -1) if dof == 4 else None,
        pose_samples=poses,
        pose_sample_weights=weights,
        log_density=torch.zeros_like(weights),
        log_evidence=torch.zeros(count),
        valid=torch.ones(count, dtype=torch.bool),
        diagnostics=None,
    )


def points(count):
    weights = torch.zeros(count, 8, 2, dtype=torch.float64)
    weights[:, :4] = 0.5
    return torch.zeros(count, 8, 3), torch.zeros(count, 8, 2), weights


@pytest.fixture(scope="module")
def summary():
    torch.manual_seed(0)
    samples = MODES + SPREAD * torch.randn(NUM, 2, 4, dtype=torch.float64)
    distribution = distribution_of(samples[:2000], YawPose())
    return summarize(distribution, MODES, points(2), Tolerance(0.5, 0.0, 20.0))


def test_positions_of_a_levelled_camera_are_turned_into_the_original_one():
    """A quarter turn about x: y becomes z; what lies on the ground stays."""
    torch.manual_seed(0)
    samples = MODES + SPREAD * torch.randn(500, 2, 4, dtype=torch.float64)
    turn = torch.tensor([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]).expand(2, 3, 3)
    level, turned = (
        summarize(distribution_of(samples, YawPose()), MODES, points(2), to_camera=rotation)
        for rotation in (None, turn)
    )
    first, second = level.intervals[1][0], turned.intervals[1][0]
    assert second["z"] == pytest.approx(first["y"])
    assert second["x"] == pytest.approx(first["x"])
    assert second["distance"] == pytest.approx(first["distance"])
    assert second["yaw"] == first["yaw"]
    assert turned.arrays["poses"][..., 1].mean() == pytest.approx(-15, abs=6)
    np.testing.assert_array_equal(turned.arrays["ground_density"], level.arrays["ground_density"])


def test_intervals_are_those_of_the_normal(summary):
    for index, mode in enumerate(MODES.tolist()):
        for interval in summary.intervals[index]:
            half = norm.ppf(0.5 + interval["level"] / 2)
            for axis, name in enumerate("xyz"):
                expected = mode[axis] + half * float(SPREAD[axis]) * np.array([-1, 1])
                deviation = 3.5 * float(SPREAD[axis]) * 1.7 / np.sqrt(2000)  # of a 5 % quantile
                np.testing.assert_allclose(interval[name], expected, atol=deviation)
            ((low, high),) = interval["yaw"]
            assert high - low == pytest.approx(2 * half * 0.2, rel=0.2)
    # the first heading is near pi: its region runs across the border
    assert summary.intervals[0][1]["yaw"][0][1] > np.pi


def test_trust_is_the_mass_near_the_reported_pose(summary):
    near = 1 - np.exp(-0.5 * (0.5 / 0.3) ** 2)  # of a circle around a round normal
    aligned = 2 * norm.cdf(np.radians(20) / 0.2) - 1
    for trust in summary.trust:
        assert trust["trust"] == pytest.approx(near * aligned, abs=4 * 0.5 / np.sqrt(2000))
        assert trust["position_std"] == pytest.approx(0.3 * np.sqrt(2), rel=0.08)
        assert trust["depth_std"] == pytest.approx(0.3, rel=0.08)
        assert trust["heading_std_deg"] == pytest.approx(np.degrees(0.2), rel=0.08)
        assert trust["heading_modes"] == 1
        assert trust["effective_samples"] == pytest.approx(2000)
        assert trust["effective_points"] == pytest.approx(4)


def test_arrays_count_objects_first(summary):
    assert {len(array) for array in summary.arrays.values()} == {2}
    assert summary.arrays["poses"].shape == (2, 64, 4)
    ground = summary.arrays["ground_density"][1]
    row, column = np.unravel_index(ground.argmax(), ground.shape)
    assert summary.arrays["ground_z"][1, row] == pytest.approx(20, abs=0.4)
    assert summary.arrays["ground_x"][1, column] == pytest.approx(-4, abs=0.4)


def test_orientation_has_no_heading():
    torch.manual_seed(0)
    poses = torch.tensor([[0.0, 0, 1, 1, 0, 0, 0]], dtype=torch.float64).repeat(1000, 1, 1)
    half = 0.5 * np.radians(10) * torch.randn(1000, dtype=torch.float64)
    poses[:, 0, 3], poses[:, 0, 4] = half.cos(), half.sin()  # turns about x, deviation 10 degrees
    distribution = distribution_of(poses, QuatPose())
    reported = torch.tensor([[0.0, 0, 1, 1, 0, 0, 0]], dtype=torch.float64)
    summary = summarize(distribution, reported, points(1), Tolerance(0.1, 0.0, 10.0))
    assert "yaw_density" not in summary.arrays
    assert "yaw" not in summary.intervals[0][0]
    assert summary.trust[0]["trust"] == pytest.approx(2 * norm.cdf(1) - 1, abs=0.06)


def test_no_objects():
    distribution = distribution_of(torch.zeros(8, 0, 4, dtype=torch.float64), YawPose())
    distribution = PoseDistribution(
        **{**vars(distribution), "pose_opt": torch.zeros(0, 4).double()}
    )
    summary = summarize(distribution, torch.zeros(0, 4).double(), points(0))
    assert summary.intervals == summary.trust == []


def test_quantiles_of_weighted_samples():
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=(50, 3)), rng.integers(1, 5, (50, 3))
    found = weighted_quantiles(
        torch.tensor(values), torch.tensor(weights / weights.sum(0)), (0.21, 0.777)
    )
    for column in range(3):
        repeated = np.repeat(values[:, column], weights[:, column])
        expected = np.quantile(repeated, (0.21, 0.777), method="inverted_cdf")
        np.testing.assert_allclose(found[:, column], expected)


def test_arcs_join_across_the_border():
    step = np.pi / 4
    inside = np.array([True, True, False, False, True, False, False, True])
    np.testing.assert_allclose(
        arcs(inside), [[-0.5 * step, 0.5 * step], [np.pi - 1.5 * step, np.pi + 1.5 * step]]
    )
    assert arcs(np.ones(8, bool)) == [[-np.pi, np.pi]]
    assert arcs(np.zeros(8, bool)) == []


def test_temperature_scales_the_variance_of_a_normal():
    torch.manual_seed(0)
    samples = MODES + 2 * SPREAD * torch.randn(NUM, 2, 4, dtype=torch.float64)  # wide proposal
    log_density = -0.5 * ((samples - MODES) / SPREAD).square().sum(-1)
    log_proposal = -0.5 * ((samples - MODES) / (2 * SPREAD)).square().sum(-1)
    weights = (log_density - log_proposal).softmax(0)
    constant = 0.5 * 4 * np.log(2 * np.pi) + SPREAD.log().sum()
    distribution = PoseDistribution(
        **{
            **vars(distribution_of(samples, YawPose())),
            "pose_sample_weights": weights,
            "log_density": log_density - constant,
        }
    )
    tempered = temper(distribution, torch.tensor([1.0, 2.0], dtype=torch.float64))
    variance = (tempered.pose_sample_weights[..., None] * (samples - MODES).square()).sum(0)
    np.testing.assert_allclose(variance[0], SPREAD.square(), rtol=0.1)
    np.testing.assert_allclose(variance[1], 2 * SPREAD.square(), rtol=0.1)
    np.testing.assert_allclose(tempered.pose_sample_weights.sum(0), 1)
    expected = log_density[:, 1] / 2 - constant - 0.5 * 4 * np.log(2)  # a normal twice as wide
    np.testing.assert_allclose(tempered.log_density[:, 1], expected, atol=0.05)


def test_corrections_flatten_densities_and_take_their_nominal_levels():
    """Temperature 4 doubles the deviation of a normal; a nominal level sets the arcs."""
    torch.manual_seed(0)
    samples = MODES + SPREAD * torch.randn(4000, 2, 4, dtype=torch.float64)
    samples[:, 0, 3] -= 3.1  # away from pi, where a deviation is not that of a circle
    made = distribution_of(samples, YawPose())
    levels = {"heading": {"0.9": 0.5}, "place": {"0.9": 0.97}}
    temperatures = torch.tensor([4.0, 1.0], dtype=torch.float64)
    plain = summarize(made, MODES, points(2))
    margins = {"0.9": {"x": 0.5, "z": -0.25}}
    widened = Corrections(temperatures, temperatures, levels, margins)
    for before, after in zip(
        plain.intervals,
        summarize(made, MODES, points(2), corrections=widened).intervals,
        strict=True,
    ):
        lengths = [[own[1][axis][1] - own[1][axis][0] for axis in "xyz"] for own in (before, after)]
        np.testing.assert_allclose(np.divide(*lengths[::-1]), [2.0, 1.0, 0.5])
        assert sum(before[1]["x"]) == pytest.approx(sum(after[1]["x"]))
        assert after[0]["x"] == before[0]["x"]  # no margin at this level
    corrections = Corrections(temperatures, temperatures, levels)
    changed = summarize(made, MODES, points(2), corrections=corrections)

    def deviation(summary, index):
        yaws = -np.pi + 2 * np.pi * np.arange(180) / 180
        density = summary.arrays["yaw_density"][index].astype(float)
        mean = (density * yaws).sum() / density.sum()
        return np.sqrt((density * (yaws - mean) ** 2).sum() / density.sum())

    assert deviation(changed, 0) == pytest.approx(2 * deviation(plain, 0), rel=0.1)
    assert deviation(changed, 1) == pytest.approx(deviation(plain, 1), rel=1e-3)
    for arrays in (plain.arrays, changed.arrays):
        sums = arrays["yaw_density"].astype(float).sum(1) * 2 * np.pi / 180
        np.testing.assert_allclose(sums, 1, rtol=0.01)  # half precision
    narrow, wide = changed.intervals[1]
    assert wide["yaw"] == narrow["yaw"]
    assert (wide["heading_level"], wide["place_level"]) == (0.5, 0.97)
    assert "heading_level" not in narrow
