"""What the calibration study says of densities whose errors are known."""

import json
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest

from epropnp_results import ResultsFolder
from epropnp_results.analysis import Pairs
from result_pairs import make_pairs
from result_scenes import HEADER, make_results
from studies.calibration import calibration_metrics, heading_metrics, risk_metrics

FEW = 0.06  # four standard deviations of a share of 1000 tested objects


@pytest.fixture(scope="module")
def metrics():
    """Of densities that claim half of the true deviation."""
    return calibration_metrics(make_pairs(2000, 2.0))


def test_coverage_of_too_narrow_densities(metrics):
    """A 90 % region claims a squared radius of 2 log 10; the errors have variance 4."""
    assert metrics["place, as it is: 90%"] == pytest.approx(1 - 0.1 ** (1 / 4), abs=FEW)
    assert metrics["place, as it is: 50%"] == pytest.approx(1 - 0.5 ** (1 / 4), abs=FEW)
    assert metrics["fitted on"] + metrics["tested on"] == 2000
    assert metrics["place, as it is: error"] > 0.2


@pytest.mark.parametrize("name", ["temperature", "conformal", "by trust"])
@pytest.mark.parametrize("quantity", ["place", "heading", "hardest place"])
def test_calibration_holds_what_it_promises(metrics, quantity, name):
    few = FEW * (2 if "hardest" in quantity else 1)  # of a quarter of the objects
    assert metrics[f"{quantity}, {name}: 90%"] == pytest.approx(0.9, abs=few)
    assert metrics[f"{quantity}, {name}: error"] < few


def test_only_levels_by_trust_hold_for_the_least_trusted():
    """Half of the objects are three times as far off, and their trust says so."""
    good, bad = make_pairs(1000, 1.0, seed=1), make_pairs(1000, 3.0, seed=2)
    columns = {item.name: getattr(good, item.name) for item in fields(good)}
    both = {
        name: np.concatenate([values, getattr(bad, name)])
        for name, values in columns.items()
        if values is not None
    }
    both["trust"] = np.concatenate([0.5 + 0.5 * good.trust, 0.5 * bad.trust])
    found = calibration_metrics(Pairs(**both))
    assert found["place, conformal: error"] < FEW
    assert found["hardest place, conformal: error"] > 0.12
    assert found["hardest place, by trust: error"] < 2 * FEW
    assert found["place, by trust: error"] < FEW


def test_risk_by_trust_region_and_score():
    pairs = make_pairs(4, 1.0)
    pairs = replace(
        pairs,
        position=np.array([1.0, 2.0, 3.0, 4.0]),
        trust=np.array([0.9, 0.8, 0.7, 0.6]),
        score=np.array([0.1, 0.2, 0.3, 0.4]),
        angle=np.array([0.1, 0.1, 0.1, 0.4]),  # 20 degrees are 0.35
        cell_area=np.array([1.0, 3.0, 2.0, 4.0]),  # the grids are alike
    )
    # at 20 metres 1.5 are right: the first alone is, the fourth is turned too far as well
    assert risk_metrics(pairs) == pytest.approx(
        {
            "position risk by trust": (1 + 1.5 + 2 + 2.5) / 4,
            "position risk of half by trust": 1.5,
            "wrong risk by trust": (0 + 1 / 2 + 2 / 3 + 3 / 4) / 4,
            "wrong risk of half by trust": 0.5,
            "position risk by region": (1 + 2 + 2 + 2.5) / 4,
            "position risk of half by region": 2.0,
            "wrong risk by region": (0 + 1 / 2 + 2 / 3 + 3 / 4) / 4,
            "wrong risk of half by region": 0.5,
            "position risk by score": (4 + 3.5 + 3 + 2.5) / 4,
            "position risk of half by score": 3.5,
            "wrong risk by score": (1 + 1 + 1 + 3 / 4) / 4,
            "wrong risk of half by score": 1.0,
        }
    )


def test_flat_and_opposite_headings_are_told_from_sharp_ones():
    pairs = make_pairs(3, 1.0)
    yaw = -np.pi + 2 * np.pi * np.arange(360) / 360
    sharp = np.exp(200 * (np.cos(yaw) - 1))
    both = sharp + np.exp(200 * (np.cos(yaw - np.pi) - 1))
    pairs = replace(
        pairs,
        label=np.array(["car", "barrier", "traffic_cone"]),
        yaw_grid=np.stack([sharp, both, np.ones(360)]),
        yaw_density=np.ones(3),
    )
    found = heading_metrics(pairs)
    # a normal density of deviation s has the entropy log(s sqrt(2 pi e))
    share = np.sqrt(2 * np.pi * np.e / 200) / (2 * np.pi)
    assert found["openness, car"] == pytest.approx(share, rel=0.01)
    assert found["openness, barrier"] == pytest.approx(2 * share, rel=0.01)
    assert found["openness, traffic_cone"] == pytest.approx(1.0)
    assert found["mass behind, car"] == pytest.approx(0.0, abs=1e-6)
    assert found["mass behind, barrier"] == pytest.approx(0.5, abs=1e-6)
    assert found["mass behind, traffic_cone"] == pytest.approx(0.5, abs=0.01)


def test_results_without_densities_are_refused():
    bare = replace(make_pairs(10, 1.0), place_grid=None)
    with pytest.raises(ValueError, match="no densities"):
        calibration_metrics(bare)


def test_command_adds_a_row_and_refuses_calibrated_results(tmp_path, repo_dir):
    make_results(tmp_path / "found", 40)
    command = [sys.executable, "tools/calibration_study.py", str(tmp_path / "found")]
    command += ["--results", str(tmp_path), "--seed", "3"]
    done = subprocess.run(command, cwd=repo_dir, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((tmp_path / "calibration.json").read_text())["rows"]
    assert (row["study"], row["model"], row["seed"]) == ("calibration", "epropnp", 3)
    assert row["metrics"]["fitted on"] + row["metrics"]["tested on"] == 80
    ResultsFolder.create(tmp_path / "again", HEADER | dict(calibrated=True))
    command[2] = str(tmp_path / "again")
    refused = subprocess.run(command, cwd=repo_dir, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "made with a calibration" in refused.stderr
