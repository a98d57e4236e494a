"""Results of studies: one JSON file each under ``results``, one row a run."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from epropnp_data.whole_file import write_text
from epropnp_tools.console import locked
from studies.study import ROOT, Run, StudyError, digest, study_names

RESULTS = ROOT / "results"
FORMAT = 1


@dataclass(frozen=True)
class Row:
    """A run with its outcome.

    Attributes:
        study, model, seed, device: of the run.
        settings: digest of configs, options and data, see `Run.settings`.
        metrics: by name.
        commit: of the code; ends in ``+`` where files had changed.
        machine: processor, or GPU.
        seconds: of training and test, by name.
    """

    study: str
    model: str
    seed: int
    device: str
    settings: str
    metrics: Mapping[str, float]
    commit: str
    machine: str
    seconds: Mapping[str, float]

    def belongs_to(self, run: Run) -> bool:
        """Whether it is the outcome of a run, of whatever study and name."""
        return (self.settings, self.seed, self.device) == (run.settings, run.seed, run.device)


def read_rows(study: str, folder: Path = RESULTS) -> list[Row]:
    """Rows of a study, oldest first.

    Raises:
        StudyError: naming the file, where it is something else.
    """
    path = folder / f"{study}.json"
    if not path.is_file():
        return []
    names = {field.name for field in fields(Row)}
    try:
        content = json.loads(path.read_text())
        if content["format"] != FORMAT:
            raise StudyError(f"{path}: format {content['format']}, expected {FORMAT}")
        wrong = [row for row in content["rows"] if set(row) != names]
        if wrong:
            raise StudyError(f"{path}: a row has {sorted(wrong[0])}, expected {sorted(names)}")
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, StudyError):
            raise
        raise StudyError(f"{path}: no file of rows ({error}); move it away") from error
    return [Row(**row) for row in content["rows"]]


def read_all_rows(folder: Path = RESULTS) -> list[Row]:
    """Rows of all studies."""
    return [row for name in study_names() for row in read_rows(name, folder)]


def make_row(
    study: str,
    model: str,
    device: str,
    settings: str,
    metrics: Mapping[str, float],
    seconds: Mapping[str, float],
    *,
    seed: int = 0,
    measured_on: str | None = None,
) -> Row:
    """Row of what was measured with the code as it is.

    Args:
        study: name of the file.
        model: that was measured.
        device: of the training.
        settings: text of all that decides the result.
        metrics: by name.
        seconds: by name; rounded.
        seed: of the training.
        measured_on: kind of the device that is named; None for that of the training.
    """
    return Row(
        study=study,
        model=model,
        seed=seed,
        device=device,
        settings=digest(settings),
        metrics=metrics,
        commit=commit(),
        machine=machine(measured_on or device),
        seconds={name: round(value, 1) for name, value in seconds.items()},
    )


def add_row(row: Row, folder: Path = RESULTS) -> None:
    """Add a row to its study's file; the file changes whole or not at all."""
    path = folder / f"{row.study}.json"
    with locked(folder / f".{row.study}.lock"):
        rows = [*read_rows(row.study, folder), row]
        text = json.dumps({"format": FORMAT, "rows": [asdict(r) for r in rows]}, indent=1)
        write_text(path, text + "\n")


def add_new_row(row: Row, folder: Path = RESULTS) -> bool:
    """Add a row unless there is one of the same settings with the same metrics."""
    known = [(each.model, each.settings, each.metrics) for each in read_rows(row.study, folder)]
    if (row.model, row.settings, row.metrics) in known:
        return False
    add_row(row, folder)
    return True


def commit() -> str:
    """Commit of the code, with a plus sign where files other than results have changed.

    ``EPROPNP_COMMIT`` says it where the code is a copy without its history.
    """
    if "EPROPNP_COMMIT" in os.environ:
        return os.environ["EPROPNP_COMMIT"]
    head = _git("rev-parse", "--short=10", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!results")
    return head + ("+" if changed else "")


def machine(device: str) -> str:
    """Processor and number of cores, or GPU."""
    if device == "cuda":
        import torch

        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    lines = Path("/proc/cpuinfo").read_text().splitlines() if os.path.isdir("/proc") else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} x {names[0] if names else platform.processor() or 'unknown'}"


def _git(*words: str) -> str:
    run = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    return run.stdout.strip() if run.returncode == 0 else "unknown"
