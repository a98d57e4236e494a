"""Studies: what is run, what its rows are, and the table of them."""

import json
import re
import statistics
import subprocess
import sys
from dataclasses import replace

import pytest

import run_study
from epropnp_tools.console import CommandFailed
from studies import rows as rows_module
from studies import runs as runs_module
from studies import tuning
from studies.rows import Row, add_row, read_rows
from studies.runs import read_metrics, run_data, training_steps
from studies.side_by_side import run_side_by_side
from studies.slurm import write_jobs
from studies.study import Model, StudyError, read_study, select_runs, study_names
from studies.table import study_table


@pytest.fixture
def study():
    return read_study("head_to_head")


def row_of(run, **changes):
    values = dict(
        study=run.study.name,
        model=run.model.name,
        seed=run.seed,
        device=run.device,
        settings=run.settings,
        metrics=dict.fromkeys(run.study.metrics, 0.1 * (run.seed + 1)),
        commit="abc",
        machine="2 x test",
        seconds={"train": 60.0 * run.seed, "test": 1.0},
    )
    return Row(**(values | changes))


def test_every_study_can_be_read_and_its_configs_are_there(repo_dir):
    for name in study_names():
        study = read_study(name)
        assert study.title
        assert study.seeds
        assert set(study.budgets) <= {"cpu", "cuda"}
        for model in study.models:
            assert (repo_dir / model.config).is_file()


def test_runs_go_seed_by_seed(study):
    runs = select_runs(study, "cpu", ["pgd", "epropnp"], [3, 4])
    assert [(run.seed, run.model.name) for run in runs] == [
        (3, "epropnp"), (3, "pgd"), (4, "epropnp"), (4, "pgd"),
    ]  # fmt: skip
    assert [run.iterations for run in runs[:2]] == [600, 605]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda study: read_study("nothing"), "no study 'nothing'; there are"),
        (lambda study: select_runs(study, "cpu", ["yolo"]), "no model 'yolo'; it has"),
        (lambda study: study.budget("tpu"), "no budget for tpu; it has"),
    ],
)
def test_what_is_not_there_is_refused_by_name(study, call, message):
    with pytest.raises(StudyError, match=message):
        call(study)


def test_steps_say_seed_data_iterations_and_options(study, tmp_path):
    model = Model("x", "X", study.models[0].config, options=("model.test_cfg.nms_iou_2d=0.4",))
    pair = replace(study, budgets={"cpu": study.budget("cpu")._replace(processes=2)})
    (run, *_) = select_runs(pair, "cpu", seeds=[7])
    train, test = training_steps(run._replace(model=model), tmp_path)
    assert "torch.distributed.run" in train.command
    words = train.command
    for word in ("randomness.seed=7", "train_cfg.max_iters=600", "param_scheduler.1.end=600"):
        assert word in words
    assert words[words.index("--data-root") + 1] == "data/study"
    assert str(tmp_path / "train/iter_600.pth") in test.command
    assert "model.test_cfg.nms_iou_2d=0.4" in words
    assert "model.test_cfg.nms_iou_2d=0.4" in test.command


def test_a_gpu_trains_without_launcher_and_loads_with_its_workers(study, tmp_path):
    (run, *_) = select_runs(study, "cuda")
    train, test, mirrored = training_steps(run, tmp_path)
    assert train.command[1] == "tools/train.py"
    for step in (train, test):
        assert "train_dataloader.num_workers=2" in step.command
    assert "--tta" in mirrored.command
    assert "--tta" not in test.command
    more = replace(study, budgets={"cuda": study.budget("cuda")._replace(workers=9)})
    assert run._replace(study=more).settings == run.settings


def test_scenes_of_the_test_may_be_a_set_of_their_own(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(runs_module, "run_steps", lambda steps, folder: made.append(steps))
    study = read_study("learning_rate")
    run_data(study, tmp_path)
    assert [str(steps[0].output) for steps in made] == ["data/study", "data/study_tuning"]
    train, test = training_steps(select_runs(study, "cpu")[0], tmp_path)
    assert train.command[train.command.index("--data-root") + 1] == "data/study"
    assert test.command[test.command.index("--data-root") + 1] == "data/study_tuning"


def test_the_best_candidate_gives_its_options(study, tmp_path):
    chooser = read_study("learning_rate")
    runs = select_runs(chooser, "cpu", ["fcos3d_0.0015", "fcos3d_0.003", "pgd_0.006"], [0, 1])
    scores = dict(zip([run.name for run in runs], [0.2, 0.5, 0.1, 0.6, 0.3, 0.1], strict=True))
    for run in runs:
        add_row(row_of(run, metrics={"NDS": scores[run.name]}), tmp_path)
    ignored = row_of(runs[1], settings="of another time", metrics={"NDS": 9.0})
    add_row(ignored, tmp_path)
    epropnp, fcos3d, pgd = tuning.tuned(study, tmp_path).models
    assert epropnp.options == ()
    assert fcos3d.options == ("optim_wrapper.optimizer.lr=0.0015",)  # 0.4 on average, not 0.35
    assert pgd.options == ("optim_wrapper.optimizer.lr=0.006",)


def test_runs_side_by_side_name_their_lines_and_failures(capsys):
    code = "import sys; print('hello'); sys.exit({})"
    commands = {name: [sys.executable, "-c", code.format(name == "b")] for name in "abc"}
    assert run_side_by_side(commands, 2) == ["b"]
    assert sorted(capsys.readouterr().out.split("\n")) == ["", "a: hello", "b: hello", "c: hello"]


def test_what_runs_side_by_side_is_one_run_each(study, tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(run_study, "read_all_rows", list)
    monkeypatch.setattr(run_study, "run_data", lambda study, folder: None)

    def stand_in(commands, at_once):
        seen.update(commands, at_once=at_once)
        return ["pgd_cpu_seed1"]

    monkeypatch.setattr(run_study, "run_side_by_side", stand_in)
    runs = select_runs(study, "cpu", ["pgd"], [0, 1])
    with pytest.raises(CommandFailed, match="pgd_cpu_seed1"):
        run_study.run_all(runs, tmp_path, 2)
    assert seen["at_once"] == 2
    assert seen["pgd_cpu_seed1"] == [
        sys.executable, "tools/run_study.py", "head_to_head", "--device", "cpu",
        "--models", "pgd", "--seeds", "1", "--work-dir", str(tmp_path),
    ]  # fmt: skip


def test_rows_come_back_and_belong_to_settings(study, tmp_path):
    run = select_runs(study, "cpu")[0]
    row = row_of(run)
    add_row(row, tmp_path)
    add_row(row_of(run, settings="other"), tmp_path)
    assert read_rows(study.name, tmp_path)[0] == row
    assert [each.belongs_to(run) for each in read_rows(study.name, tmp_path)] == [True, False]
    assert not row.belongs_to(run._replace(seed=run.seed + 1))
    longer = run.model._replace(iterations={"cpu": 1})
    assert not row.belongs_to(run._replace(model=longer))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "no file of rows"),
        ('{"format": 9, "rows": []}', "format 9, expected 1"),
        ('{"format": 1, "rows": [{"study": "a"}]}', r"a row has \['study'\]"),
    ],
)
def test_damaged_rows_are_refused_with_the_file(tmp_path, text, message):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(StudyError, match=f"x.json: {message}"):
        read_rows("x", tmp_path)


def test_table_has_mean_and_spread_of_the_newest_rows(study):
    runs = select_runs(study, "cpu", ["epropnp"])
    old = row_of(runs[0], metrics=dict.fromkeys(study.metrics, 9.0))
    found = [old, *map(row_of, runs), row_of(runs[1], settings="other")]
    table = study_table(study, found, "cpu")
    spread = statistics.stdev([0.1, 0.2, 0.3])
    assert f"| EPro-PnP-Det v2 | 3 | 0.200 +- {spread:.3f} |" in table
    assert "PGD" not in table
    assert table.splitlines()[-1].endswith("| 1.0 +- 1.0 | 0.0 +- 0.0 |")
    assert study_table(study, [], "cpu") == ""
    mirrored = {f"TTA {name}": 0.5 for name in study.metrics}
    seconds = {"train": 60.0, "test": 6.0, "test_tta": 12.0}
    rows = [row_of(run, metrics=row_of(run).metrics | mirrored, seconds=seconds) for run in runs]
    lines = study_table(study, rows, "cpu").splitlines()
    assert lines[-1].startswith("| EPro-PnP-Det v2, mirror image too | 3 | 0.500 +- 0.000 |")
    assert lines[-1].endswith("| same | 0.2 +- 0.0 |")


def test_metrics_are_those_of_the_summary(tmp_path):
    (tmp_path / "tta").mkdir()
    summary = dict(nd_score=0.4, mean_ap=0.3, tp_errors={"trans_err": 0.7, "orient_err": 0.5})
    summary["mean_dist_aps"] = {"car": 0.25}
    (tmp_path / "tta/metrics_summary.json").write_text(json.dumps(summary))
    expected = {"NDS": 0.4, "mAP": 0.3, "mATE": 0.7, "mAOE": 0.5, "AP car": 0.25}
    assert read_metrics(tmp_path) == expected


def test_what_has_a_row_is_not_run_again(study, tmp_path, monkeypatch, capsys):
    done = []
    monkeypatch.setattr(rows_module, "RESULTS", tmp_path)
    monkeypatch.setattr(run_study, "read_all_rows", lambda: read_rows("head_to_head", tmp_path))
    monkeypatch.setattr(run_study, "add_row", lambda row: add_row(row, tmp_path))
    monkeypatch.setattr(run_study, "run_data", lambda study, folder: None)

    def once(run, folder):
        done.append((run.model.name, run.seed))
        return row_of(run)

    monkeypatch.setattr(run_study, "run_once", once)
    run_study.run_all(select_runs(study, "cpu", ["pgd"], [0]), tmp_path)
    run_study.run_all(select_runs(study, "cpu", ["pgd"], [0, 1]), tmp_path)
    assert done == [("pgd", 0), ("pgd", 1)]
    assert "2 runs, 1 of them done before" in capsys.readouterr().out


def test_a_model_may_have_seeds_of_its_own(study):
    models = (study.models[0], study.models[1]._replace(seeds=(1,)))
    few = replace(study, models=models, seeds=(0, 1))
    names = [run.name for run in select_runs(few, "cpu")]
    assert names == ["epropnp_cpu_seed0", "epropnp_cpu_seed1", "fcos3d_cpu_seed1"]
    assert len(select_runs(few, "cpu", seeds=[5])) == 2


def test_batch_files_run_one_run_each(study, tmp_path):
    runs = select_runs(study, "cuda", ["epropnp"], [0, 1])
    *jobs, submit = write_jobs(runs, tmp_path, tmp_path / "work")
    assert [job.name for job in jobs] == [
        "head_to_head_epropnp_cuda_seed0.sbatch",
        "head_to_head_epropnp_cuda_seed1.sbatch",
    ]
    text = jobs[1].read_text()
    assert "--models epropnp --seeds 1" in text
    assert "#SBATCH --gres=gpu:1" in text
    assert subprocess.run(["bash", "-n", str(jobs[0])]).returncode == 0
    assert submit.read_text().count("sbatch ") == 2


def test_command_lists_studies_and_refuses_a_model(repo_dir):
    command = [sys.executable, "tools/run_study.py"]
    listed = subprocess.run(command, cwd=repo_dir, capture_output=True, text=True)
    assert "head_to_head: EPro-PnP" in listed.stdout
    command += ["head_to_head", "--models", "yolo", "--table"]
    refused = subprocess.run(command, cwd=repo_dir, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "no model 'yolo'" in refused.stdout


def test_the_commit_of_a_row_notices_changed_code_but_not_new_rows(tmp_path, monkeypatch):
    def git(*words):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path)

    monkeypatch.setattr(rows_module, "ROOT", tmp_path)
    monkeypatch.delenv("EPROPNP_COMMIT", raising=False)
    (tmp_path / "results").mkdir()
    for name in ("code.py", "results/study.json"):
        (tmp_path / name).write_text("one\n")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "first")):
        git(*words)
    clean = rows_module.commit()

    (tmp_path / "results/study.json").write_text("two\n")
    with_rows = rows_module.commit()
    (tmp_path / "code.py").write_text("two\n")

    assert re.fullmatch("[0-9a-f]{10}", clean)
    assert with_rows == clean
    assert rows_module.commit() == clean + "+"
