"""One run of a study: train, test with the official evaluator, a row of results."""

import json
from collections.abc import Sequence
from pathlib import Path

from epropnp_det.evaluation.official import ERROR_NAMES
from epropnp_tools.commands import distributed_training, tool
from epropnp_tools.steps import Step, run_steps
from studies.rows import Row, commit, machine
from studies.study import Run, Study

TRAINING_LINES = r"Iter\(train\) +\[ *\d+00/|resumed|Step skipped|Error"
TEST_LINES = r"^(mAP|mA.E|NDS):|Error"
SUMMARY = "metrics_summary.json"
TTA = "test_tta"
TTA_PREFIX = "TTA "


def data_steps(generator: Sequence[str], version: str) -> list[Step]:
    """Generate data and write their info files."""
    root, words = Path(generator[0]), ["--version", version]
    return [
        Step(
            "data",
            f"generate {root}",
            tool("create_synthetic_nuscenes", *generator, *words),
            output=root,
        ),
        Step(
            "infos",
            "write its info files",
            tool("create_data", "nuscenes", "--root-path", root, *words),
            output=root / "nuscenes_infos_val_mono.pkl",
            show=r"^wrote |Error|create_data:",
        ),
    ]


def run_data(study: Study, work_dir: Path) -> None:
    """Make the data of a study if they are not there."""
    for generator in filter(None, (study.generator, study.test_generator)):
        folder = work_dir / "data" / Path(generator[0]).name
        run_steps(data_steps(generator, study.version), folder)


def run_words(run: Run, work_dir: Path) -> list[str]:
    """Arguments for Python that do one run."""
    words = ["tools/run_study.py", run.study.name, "--device", run.device]
    words += ["--models", run.model.name, "--seeds", str(run.seed)]
    return [*words, "--work-dir", str(work_dir)]


def training_steps(run: Run, folder: Path) -> list[Step]:
    """Train a model and test it, a second time with mirrored images if its line says so."""
    steps = [
        Step(
            "train",
            f"train {run.model.title}, seed {run.seed}, {run.iterations} steps",
            _training(run, folder / "train"),
            output=folder / "train",
            depends=run.settings,
            resumable=True,
            show=TRAINING_LINES,
        )
    ]
    tests = {"test": ()} | ({TTA: ("--tta",)} if run.model.tta else {})
    for name, words in tests.items():
        step = Step(
            name,
            f"score it with the official evaluator {' '.join(words)}".rstrip(),
            _test(run, folder, name, words),
            output=folder / name,
            depends=run.settings,
            show=TEST_LINES,
        )
        steps.append(step)
    return steps


def _training(run: Run, work_dir: Path) -> list[str]:
    options = [f"randomness.seed={run.seed}", f"train_cfg.max_iters={run.iterations}"]
    options += [f"param_scheduler.1.end={run.iterations}", *run.options, *run.loading]
    words = [run.model.config, "--data-root", run.study.data_root, "--work-dir", work_dir]
    words += ["--resume", "--cfg-options", *options]
    processes = run.study.budget(run.device).processes
    return distributed_training(words, processes) if processes > 1 else tool("train", *words)


def _test(run: Run, folder: Path, name: str, words: Sequence[str]) -> list[str]:
    checkpoint = folder / "train" / f"iter_{run.iterations}.pth"
    test = [run.model.config, checkpoint, "--data-root", run.study.test_root]
    test += ["--work-dir", folder / name, *run.model.test, *words]
    return tool("test", *test, "--cfg-options", *run.options, *run.loading)


def run_once(run: Run, work_dir: Path) -> Row:
    """Do what is not done yet of a run, and read its outcome.

    Raises:
        CommandFailed: a step failed, with the end of its output.
    """
    folder = work_dir / run.study.name / run.name
    steps = training_steps(run, folder)
    run_steps(steps, folder / "steps")
    records = {s.name: json.loads((folder / "steps" / f"{s.name}.json").read_text()) for s in steps}
    metrics = read_metrics(folder / "test")
    if run.model.tta:
        again = read_metrics(folder / TTA)
        metrics |= {f"{TTA_PREFIX}{name}": value for name, value in again.items()}
    return Row(
        study=run.study.name,
        model=run.model.name,
        seed=run.seed,
        device=run.device,
        settings=run.settings,
        metrics=metrics,
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
