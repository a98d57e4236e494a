"""Calibration of densities whose error is known: normal densities of a wrong width."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from epropnp_results import ResultsFolder
from epropnp_results.analysis import (
    Calibration,
    best_temperature,
    calibration_error,
    collect_pairs,
    coverage,
    error_table,
    evaluate_calibration,
    fit_calibration,
    risk_coverage,
)
from epropnp_results.analysis.calibration import binned_trust, sharpness, tempered, truth_levels
from epropnp_results.analysis.temperature import calibration_path, conformal_level
from result_pairs import AXIS, make_pairs
from result_scenes import HEADER, density_arrays, draw_image, make_image, make_results


def test_levels_follow_the_normal_law():
    """Errors twice as wide as said: a region of level q has radius^2 = -2 log(1 - q)."""
    pairs = make_pairs(1500, 2.0)
    levels = truth_levels(pairs.place_grid, pairs.place_density)
    wanted = np.array([0.5, 0.9])
    expected = 1 - np.exp(np.log(1 - wanted) / 4)
    np.testing.assert_allclose(coverage(levels, wanted), expected, atol=0.045)
    assert calibration_error(levels) > 0.2
    right = make_pairs(1500, 1.0)
    assert calibration_error(truth_levels(right.place_grid, right.place_density)) < 0.04


def test_power_widens_densities_as_a_temperature_does():
    """A normal density to the power 1/4 is one of twice the deviation."""
    pairs = make_pairs(1500, 2.0)
    grids, at_truth = tempered(pairs.place_grid, pairs.place_density, pairs.cell_area, power=0.25)
    assert calibration_error(truth_levels(grids, at_truth)) < 0.04
    mass = grids.reshape(1500, -1).sum(1) * pairs.cell_area
    np.testing.assert_allclose(mass, 1, rtol=1e-9)
    ours = np.exp(-0.5 * (AXIS[:, None] ** 2 + AXIS**2) / 4) / (2 * np.pi * 4)
    np.testing.assert_allclose(grids[0], ours, rtol=0.01)  # cut at 4.5 deviations


@pytest.mark.parametrize("width", [1.0, 2.0])
def test_likelihood_and_sharpness_are_those_of_the_normal(width):
    """Mean of log N(e; 0, 1) is -log(2 pi) - width^2 in two dimensions; regions do not know it."""
    report = evaluate_calibration(make_pairs(1500, width))
    place, heading = report["place"], report["heading"]
    bound = 4 * width**2 / np.sqrt(1500)  # deviations of the mean of width^2 r^2 / 2
    assert place["log_likelihood"] == pytest.approx(-np.log(2 * np.pi) - width**2, abs=bound)
    expected = -0.5 * np.log(2 * np.pi) - np.log(0.2) - 0.5 * width**2
    assert heading["log_likelihood"] == pytest.approx(expected, abs=bound)
    assert place["sharpness"] == pytest.approx(np.pi * -2 * np.log(0.1), rel=0.03)
    assert heading["sharpness"] == pytest.approx(np.degrees(2 * 1.645 * 0.2), rel=0.05)


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_fitted_temperature_is_the_squared_width_and_repairs_coverage(width):
    fitted = fit_calibration(make_pairs(800, width))
    for quantity in ("place", "heading"):
        for label in ("car", "bus", "truck"):
            temperature = fitted.temperature(quantity, label)
            assert temperature == pytest.approx(width**2, rel=0.25)
    tested = make_pairs(800, width, seed=1)
    after = evaluate_calibration(tested, fitted)
    for quantity in ("place", "heading"):
        assert after[quantity]["calibration_error"] < 0.05
        for wanted, share in after[quantity]["conformal"].items():
            assert share == pytest.approx(float(wanted), abs=5 * 0.5 / np.sqrt(800))
        assert set(after[quantity]["hardest_quarter"]) == {"0.5", "0.8", "0.9", "0.95"}


def test_rare_classes_share_the_temperature_of_all():
    pairs = make_pairs(100, 1.0)
    pairs.label[:] = "car"
    pairs.label[:5] = "bus"
    fitted = fit_calibration(pairs)
    assert set(fitted.temperatures["place"]) == {"all", "car"}
    assert fitted.temperature("place", "bus") == fitted.temperatures["place"]["all"]


def test_conformal_levels_hold_what_they_promise_for_few_samples():
    """Mean coverage over many draws is between q and q + 1 / (n + 1)."""
    rng = np.random.default_rng(0)
    held = np.sort(rng.uniform(size=(4000, 19)), axis=1)
    reached = np.mean([conformal_level(row, 0.9) for row in held])
    assert 0.9 - 0.004 < reached < 0.95 + 0.004
    assert conformal_level(np.array([0.1, 0.2]), 0.9) == 1.0


def test_trust_and_risk():
    rng = np.random.default_rng(0)
    trust = rng.uniform(size=20000)
    table = binned_trust(trust, rng.uniform(size=20000) < trust)
    np.testing.assert_allclose(table[:, 0], table[:, 1], atol=0.05)
    assert table[:, 2].sum() == 20000
    risk = risk_coverage(np.array([3.0, 1.0, 2.0]), np.array([0.1, 0.9, 0.5]))
    np.testing.assert_allclose(risk, [1.0, 1.5, 2.0])
    area = sharpness(make_pairs(1, 1.0).place_grid, np.array([(AXIS[1] - AXIS[0]) ** 2]))
    assert area[0] == pytest.approx(np.pi * -2 * np.log(0.1), rel=0.03)


def test_calibration_is_kept_beside_a_checkpoint(tmp_path):
    fitted = fit_calibration(make_pairs(100, 1.0))
    path = calibration_path(tmp_path / "epoch_12.pth")
    assert path.name == "epoch_12.calibration.json"
    fitted.save(path)
    assert Calibration.load(path) == fitted
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"calibration\.json: is no calibration"):
        Calibration.load(path)


def test_calibrations_of_one_checkpoint_join(tmp_path):
    """A temperature of poses and margins are fitted by two commands into one file."""
    checkpoint = tmp_path / "a.pth"
    assert Calibration.beside(checkpoint) is None
    Calibration({"pose": {"all": 4.0}}, {}, 30).save_beside(checkpoint)
    margins = {"0.9": {"x": 0.25}}
    path = Calibration({}, {}, 50, margins).save_beside(checkpoint)
    assert path == calibration_path(checkpoint)
    expected = Calibration({"pose": {"all": 4.0}}, {}, 50, margins)
    assert Calibration.beside(checkpoint) == expected
    Calibration({"pose": {"all": 2.0}}, {}, 30).save_beside(checkpoint)
    assert Calibration.beside(checkpoint).margins == margins
    assert Calibration.beside(checkpoint).temperature("pose", "duck") == 2.0


def test_temperature_of_a_normal_density_is_its_missing_variance():
    """Errors of variance 4 under a density that claims 1: the best temperature is 4."""
    errors = 2 * np.random.default_rng(1).standard_normal(50000)
    temperatures = [1.0, 2.0, 4.0, 8.0]
    log_density = np.stack(
        [-(errors**2) / (2 * t) - 0.5 * np.log(2 * np.pi * t) for t in temperatures], axis=1
    )
    assert best_temperature(log_density, temperatures) == 4


def test_results_made_with_a_calibration_do_not_replace_it(tmp_path, repo_dir):
    results = ResultsFolder.create(tmp_path / "r", HEADER | dict(calibrated=True))
    for number in range(8):
        image = make_image(number)
        results.write(image, density_arrays(image.objects))
    command = [sys.executable, "tools/analysis/analyze_results.py", str(results.path)]
    command += ["--checkpoint", str(tmp_path / "model.pth")]
    done = subprocess.run(command, cwd=repo_dir, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Move" in done.stderr
    assert "model.calibration.json away" in done.stderr
    assert not calibration_path(tmp_path / "model.pth").exists()


def test_pairs_of_a_results_folder(tmp_path):
    pairs = collect_pairs(make_results(tmp_path, 4))
    assert len(pairs) == 8
    assert sorted(set(pairs.label)) == ["car", "pedestrian"]
    cars = pairs.select(pairs.label == "car")
    np.testing.assert_allclose(cars.position, 0.5, atol=1e-6)
    np.testing.assert_allclose(cars.angle, 0.1, atol=1e-6)
    table = {row["group"]: row for row in error_table(pairs)}
    assert table["all"]["count"] == 8
    assert table["car"]["position"] == pytest.approx(0.5)
    assert table["uncut"]["count"] == 8
    assert pairs.interval_levels.tolist() == [[0.9]] * 8
    np.testing.assert_allclose(cars.place[:, 2], [12.5, 13.5, 14.5, 15.5])
    np.testing.assert_allclose(cars.place[:, 3], np.linalg.norm(cars.place[:, :3], axis=1))
    np.testing.assert_allclose(cars.intervals[:, 0, 2, 0], cars.place[:, 2] - 1.5)
    assert not [name for name in table if name.startswith("visible")]
    pairs.visibility[:] = [0.2, 0.5, 0.9, 1.0, 0.9, 0.9, 0.9, 0.9]
    table = {row["group"]: row["count"] for row in error_table(pairs)}
    shares = {name: count for name, count in table.items() if name.startswith("visible")}
    assert shares == {"visible 0% to 40%": 1, "visible 40% to 60%": 1, "visible 80% to 100%": 6}
    assert collect_pairs(ResultsFolder(tmp_path), min_score=0.7).label.tolist() == ["car"] * 4


def test_results_without_matches_or_densities_say_so(tmp_path):
    results = ResultsFolder.create(tmp_path / "a", HEADER)
    image = make_image(0, image="a.png", objects=[])
    draw_image(tmp_path / "a" / "a.png", 0)
    results.write(image, density_arrays([]))
    with pytest.raises(ValueError, match="no detection matches"):
        collect_pairs(results)
    bare = collect_pairs(make_results(tmp_path / "b", 2, with_arrays=False))
    with pytest.raises(ValueError, match="no densities"):
        fit_calibration(replace(bare, intervals=None))
    only_intervals = fit_calibration(bare)
    assert only_intervals.temperatures == only_intervals.levels == {}
    assert only_intervals.temperature("place", "car") == 1


def test_command_line_writes_report_plots_and_calibration(tmp_path, repo_dir):
    make_results(tmp_path / "results", 30)
    command = [sys.executable, "tools/analysis/analyze_results.py", str(tmp_path / "results")]
    command += ["--checkpoint", str(tmp_path / "model.pth")]
    done = subprocess.run(command, cwd=repo_dir, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "results" / "analysis" / "report.json").read_text())
    assert report["fitted_on"] + report["tested_on"] == report["matched"] == 60
    for name in ("calibration", "errors", "calibration_place_by_group"):
        assert (tmp_path / "results" / "analysis" / f"{name}.png").stat().st_size > 5000
    assert "log likelihood" in done.stdout
    assert "90% intervals hold: x 100.0%" in done.stdout
    assert Calibration.load(tmp_path / "model.calibration.json").count == report["fitted_on"]


def test_training_curves(tmp_path, repo_dir):
    folder = tmp_path / "run" / "20260101" / "vis_data"
    folder.mkdir(parents=True)
    lines = [json.dumps(dict(step=i, loss=10 / i, ate=1.0)) for i in range(1, 30)]
    (folder / "scalars.json").write_text("\n".join(lines))

    def run(*options):
        command = [sys.executable, "tools/analysis/plot_training.py", str(tmp_path / "run")]
        command += ["--out", str(tmp_path / "curves.png"), *options]
        return subprocess.run(command, cwd=repo_dir, capture_output=True, text=True)

    assert run("--smooth", "5").returncode == 0
    assert (tmp_path / "curves.png").stat().st_size > 3000
    assert "no 'speed' in the logs; there are ate, loss" in run("--keys", "speed").stderr
