"""The page of results is what its script writes from the files there are."""

import statistics
from dataclasses import replace

import pytest

from studies.calibration_page import calibration_page
from studies.page import results_page
from studies.pictures import plot_study
from studies.published import published_scores
from studies.rows import Row, add_row, read_all_rows
from studies.study import read_study, select_runs


def row_of(run, value):
    return Row(
        study=run.study.name,
        model=run.model.name,
        seed=run.seed,
        device=run.device,
        settings=run.settings,
        metrics=dict.fromkeys(run.study.metrics, value),
        commit="abc",
        machine="1 x test",
        seconds={"train": 60.0, "test": 1.0},
    )


def test_the_committed_page_is_up_to_date(repo_dir):
    for name, page in (("results", results_page), ("results_calibration", calibration_page)):
        written = (repo_dir / f"docs/{name}.md").read_text()
        assert written == page(), "write it anew: python tools/results_page.py"


def test_pictures_of_the_page_are_there(repo_dir):
    page = (repo_dir / "docs/results.md").read_text()
    for name in ("head_to_head", "ablations", "harder"):
        picture = f"pictures/results_{name}.png"
        assert (picture in page) == (repo_dir / "docs" / picture).is_file()


def test_rows_become_tables_and_what_has_none_says_so(tmp_path):
    runs = select_runs(read_study("harder"), "cuda")
    for run, value in zip(runs, (0.25, 0.5, 0.75), strict=True):
        add_row(row_of(run, value), tmp_path)
    page = results_page(tmp_path)
    assert "| FCOS3D | 1 | 0.500 | 0.500 | 0.500 | 0.500 | 0.500 | 1.0 | 0.0 |" in page
    assert (
        "Not measured yet: `python tools/run_study.py ablations --device cpu --parallel 2`" in page
    )
    assert "pictures/results_harder.png" in page


def test_the_page_says_which_learning_rate_won(tmp_path):
    runs = select_runs(read_study("learning_rate"), "cuda", ["pgd_0.003", "pgd_0.006"])
    for run, value in zip(runs, (0.2, 0.1), strict=True):
        add_row(row_of(run, value), tmp_path)
    chosen = "Chosen: pgd `optim_wrapper.optimizer.lr=0.003`; the config's own where nothing is"
    assert chosen in results_page(tmp_path)


def test_calibration_is_the_mean_of_the_newest_rows(tmp_path):
    names = [
        f"{hard}{quantity}, {step}: {number}"
        for hard in ("", "hardest ")
        for quantity in ("place", "heading")
        for step in ("as it is", "temperature", "conformal", "by trust")
        for number in ("error", "50%", "90%")
    ]
    names += [
        f"{kind} risk{part} by {order}"
        for kind in ("position", "wrong")
        for part in ("", " of half")
        for order in ("trust", "region", "score")
    ]
    names += ["openness, car", "mass behind, car", "fitted on", "tested on"]
    (run, *_) = select_runs(read_study("harder"), "cuda")
    for seed, value in ((0, 9.0), (0, 0.1), (1, 0.4)):
        metrics = dict.fromkeys(names, value)
        row = replace(row_of(run, 0.0), study="calibration", seed=seed, metrics=metrics)
        add_row(row, tmp_path)
    page = calibration_page(tmp_path)
    mean = statistics.fmean([0.1, 0.4])
    assert f"| place, error | {' | '.join([f'{mean:.3f}'] * 4)} |" in page
    assert f"| hardest heading, inside 90% regions | {' | '.join(['25%'] * 4)} |" in page
    assert f"| the detector's score | {' | '.join([f'{mean:.3f}'] * 4)} |" in page
    assert "## EPro-PnP of the head to head (mean of 2 trainings; 0 objects to fit" in page
    assert f"| car | {mean:.3f} | {mean:.3f} |" in page


def test_a_plot_is_drawn_where_there_are_models_to_compare(tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    study = read_study("harder")
    assert not plot_study(study, [], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
    first, second, *_ = select_runs(study, "cpu")
    add_row(row_of(first, 0.3), tmp_path)
    assert not plot_study(study, read_all_rows(tmp_path), tmp_path / "one.png")
    assert "harder --device cpu --parallel 2`." in results_page(tmp_path)  # still not measured
    add_row(row_of(second, 0.3), tmp_path)
    assert plot_study(study, read_all_rows(tmp_path), tmp_path / "some.png")
    assert (tmp_path / "some.png").stat().st_size > 5000


def test_published_scores_come_from_the_configs(repo_dir):
    found = {each.config: each.score for each in published_scores()}
    name = (
        "configs/epropnp_det/published/epropnp-det-v1b-220411_r101-dcn-fpn_2xb6-12e_nus-mono3d.py"
    )
    assert found[name].endswith("NDS 0.444 on nuScenes val, 0.453 with TTA")
    name = "configs/epropnp_6dof/epropnp-6dof-v1_r34_lm_basic.py"
    assert "32.14 / 72.83 / 92.66 %" in found[name]
    assert all((repo_dir / config).is_file() for config in found)
    assert "demo" not in " ".join(found)
