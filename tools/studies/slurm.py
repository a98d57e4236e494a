"""Batch files for a cluster: one job a run, which the same command does."""

import shlex
from pathlib import Path

from studies.runs import run_words
from studies.study import Run

TEMPLATE = """#!/usr/bin/env bash
#SBATCH --job-name={job}
#SBATCH --output={log}
#SBATCH --gres=gpu:{gpus}
#SBATCH --cpus-per-task={cpus}
#SBATCH --requeue
set -euo pipefail
{command}
"""
CPUS_PER_GPU = 8


def write_jobs(runs: list[Run], folder: Path, work_dir: Path) -> list[Path]:
    """Write a batch file for each run, and ``submit.sh`` that hands in all of them.

    A job is interrupted and queued again without loss: it goes on where it was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for run in runs:
        gpus = run.study.budget(run.device).processes if run.device == "cuda" else 0
        path = folder / f"{run.study.name}_{run.name}.sbatch"
        path.write_text(
            TEMPLATE.format(
                job=f"{run.study.name}-{run.name}",
                log=path.with_suffix(".log"),
                gpus=gpus,
                cpus=CPUS_PER_GPU * max(gpus, 1),
                command=shlex.join(["python", *run_words(run, work_dir)]),
            )
        )
        paths.append(path)
    lines = ["#!/usr/bin/env bash", *(f"sbatch {shlex.quote(str(path))}" for path in paths)]
    submit = folder / "submit.sh"
    submit.write_text("\n".join(lines) + "\n")
    submit.chmod(0o755)
    return [*paths, submit]
