"""One run of a study: train, test with the official evaluator, a row of results."""

import json
from pathlib import Path

from epropnp_det.evaluation.official import ERROR_NAMES
from epropnp_tools.commands import distributed_training, tool
from epropnp_tools.steps import Step, run_steps
from studies.rows import Row, commit, machine
from studies.study import Run, Study

TRAINING_LINES = r"Iter\(train\) +\[ *\d+00/|resumed|Step skipped|Error"
TEST_LINES = r"^(mAP|mA.E|NDS):|Error"
SUMMARY = "metrics_summary.json"


def data_steps(study: Study) -> list[Step]:
    """Generate the data of a study and write its info files."""
    root, version = study.data_root, ["--version", study.version]
    return [
        Step(
            "data",
            f"generate {root}",
            tool("create_synthetic_nuscenes", *study.generator, *version),
            output=root,
        ),
        Step(
            "infos",
            "write its info files",
            tool("create_data", "nuscenes", "--root-path", root, *version),
            output=root / "nuscenes_infos_val_mono.pkl",
            show=r"^wrote |Error|create_data:",
        ),
    ]


def run_data(study: Study, work_dir: Path) -> None:
    """Make the data of a study if they are not there."""
    run_steps(data_steps(study), work_dir / study.name / "steps")


def training_steps(run: Run, folder: Path) -> list[Step]:
    """Train a model and test it."""
    data = ["--data-root", run.study.data_root]
    options = [f"randomness.seed={run.seed}", f"train_cfg.max_iters={run.iterations}"]
    options += [f"param_scheduler.1.end={run.iterations}", *run.options]
    train = [run.model.config, *data, "--work-dir", folder / "train", "--resume"]
    train += ["--cfg-options", *options]
    checkpoint = folder / "train" / f"iter_{run.iterations}.pth"
    test = [run.model.config, checkpoint, *data, "--work-dir", folder / "test", *run.model.test]
    if run.options:
        test += ["--cfg-options", *run.options]
    return [
        Step(
            "train",
            f"train {run.model.title}, seed {run.seed}, {run.iterations} steps",
            distributed_training(train, run.study.budget(run.device).processes),
            output=folder / "train",
            depends=run.settings,
            resumable=True,
            show=TRAINING_LINES,
        ),
        Step(
            "test",
            "score it with the official evaluator",
            tool("test", *test),
            output=folder / "test",
            depends=run.settings,
            show=TEST_LINES,
        ),
    ]


def run_once(run: Run, work_dir: Path) -> Row:
    """Do what is not done yet of a run, and read its outcome.

    Raises:
        CommandFailed: a step failed, with the end of its output.
    """
    folder = work_dir / run.study.name / run.name
    steps = training_steps(run, folder)
    run_steps(steps, folder / "steps")
    records = {s.name: json.loads((folder / "steps" / f"{s.name}.json").read_text()) for s in steps}
    return Row(
        study=run.study.name,
        model=run.model.name,
        seed=run.seed,
        device=run.device,
        settings=run.settings,
        metrics=read_metrics(folder / "test"),
        commit=commit(),
        machine=machine(run.device),
        seconds={name: round(record["seconds"], 1) for name, record in records.items()},
    )


def read_metrics(folder: Path) -> dict[str, float]:
    """NDS, mAP, mean errors and AP of each class from the summary below a folder."""
    summary = json.loads(next(iter(sorted(folder.rglob(SUMMARY)))).read_text())
    metrics = {"NDS": summary["nd_score"], "mAP": summary["mean_ap"]}
    metrics |= {ERROR_NAMES[name]: value for name, value in summary["tp_errors"].items()}
    metrics |= {f"AP {name}": value for name, value in summary["mean_dist_aps"].items()}
    return {name: round(value, 5) for name, value in metrics.items()}
