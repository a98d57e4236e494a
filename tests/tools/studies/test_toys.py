"""The toy studies in small, against what is known in closed form."""

import json
import math

import pytest
import torch

from studies.toys import gradient_variance, smooth_evidence
from studies.toys.smooth_evidence import Peak, log_evidence
from toy_study import STUDIES, rounded


class NormalCost:
    """Half the squared distance from a pose, in units of a root of a covariance (4, 4)."""

    def __init__(self, center, root):
        self.center, self.inverse = center, torch.linalg.inv(root)

    def value(self, pose):
        return 0.5 * ((pose - self.center) @ self.inverse.mT).square().sum(-1)


def test_evidence_of_a_normal_density_is_its_normaliser():
    root = torch.tensor([[0.3, 0, 0, 0], [0.1, 0.2, 0, 0], [0, 0, 0.5, 0], [0, 0.1, 0, 0.1]])
    root = root.double()[None]
    center = torch.tensor([[1.0, 2.0, 20.0, 3.1]]).double()  # headings go round the circle here
    near, far = Peak(center, root), Peak(center + 5.0, root)
    evidence = log_evidence(NormalCost(center, root[0]), [near, far], 20000)
    exact = 2 * math.log(2 * math.pi) + root[0].logdet()
    # weights of half a peak have a deviation below 2, a mean of 20000 of them 0.015
    assert evidence.item() == pytest.approx(exact.item(), abs=0.06)


def test_the_optimum_jumps_where_the_slope_of_the_evidence_does_not():
    measured = smooth_evidence.measure(steps=41)
    assert measured["largest_step_of_heading"] > 2.0
    jump = measured["largest_step_of_cost_slope"]
    assert jump > 100
    assert measured["largest_step_of_evidence_slope"] < jump / 3
    step = measured["share"][1] - measured["share"][0]
    evidence, slope = measured["evidence"], measured["evidence_slope"]
    for index in range(1, 40):
        difference = (evidence[index + 1] - evidence[index - 1]) / (2 * step)
        # central differences are off by the change of the slope at most, and by sampling: each
        # step draws around peaks of its own; 0.06 nats are four deviations of 16384 such weights
        change = max(abs(slope[index + i] - slope[index]) for i in (-1, 1))
        assert abs(difference - slope[index]) < change + 0.06 / (2 * step)


def test_more_samples_scatter_less():
    measured = gradient_variance.measure(samples=(16, 128), repeats=4)
    few, many = measured["deviation"]
    assert many < 0.5 * few
    assert measured["power"] == pytest.approx(math.log(many / few) / math.log(8))


def test_numbers_are_rounded_wherever_they_are():
    assert rounded({"a": [1.23456789, 2], "b": {"c": 123456.7}}) == {
        "a": [1.2346, 2],
        "b": {"c": 123460.0},
    }


@pytest.mark.parametrize("name", STUDIES)
def test_the_committed_numbers_say_where_they_come_from(repo_dir, name):
    record = json.loads((repo_dir / f"results/toy_{name}.json").read_text())
    assert record["study"] == f"toy_{name}"
    assert record["commit"] != "unknown"
    assert record["machine"]
    assert record["cpu_seconds"] > 0
    assert (repo_dir / f"docs/pictures/toy_{name}.png").is_file()
