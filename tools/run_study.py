#!/usr/bin/env python
"""Run a study: ``python tools/run_study.py NAME --device cpu``; without a name, list them.

A study (``configs/studies/NAME.py``) trains several models with the same data, budget and seeds,
scores them and adds a row a run to ``results/NAME.json``. What has a row with the same settings is
not run again, a stopped run goes on. ``--parallel N`` runs so many at a time; ``--table`` prints
the table of the rows there are, ``--slurm FOLDER`` writes batch files, one a run, instead of
running anything.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

from epropnp_tools.console import CommandFailed, say
from studies.rows import add_row, read_all_rows
from studies.runs import run_data, run_once, run_words
from studies.side_by_side import run_side_by_side
from studies.slurm import write_jobs
from studies.study import DEVICES, ROOT, Run, StudyError, read_study, select_runs, study_names
from studies.table import study_table
from studies.tuning import tuned


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", nargs="?", choices=study_names())
    parser.add_argument("--device", choices=DEVICES, default="cpu")
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="some of the study's")
    parser.add_argument("--seeds", nargs="+", type=int, metavar="SEED", help="instead of its own")
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/studies"))
    parser.add_argument("--parallel", type=int, default=1, metavar="N", help="runs at a time")
    parser.add_argument("--table", action="store_true", help="print the table, run nothing")
    parser.add_argument("--slurm", type=Path, metavar="FOLDER", help="write batch files there")
    return parser.parse_args()


def run_all(runs: list[Run], work_dir: Path, parallel: int = 1) -> None:
    """Do the runs that have no row yet, those of other studies included.

    Raises:
        CommandFailed: a run failed; of several at a time, the others are finished first.
    """
    study, rows = runs[0].study, read_all_rows()
    todo = [run for run in runs if not any(row.belongs_to(run) for row in rows)]
    say(f"{study.title}: {len(runs)} runs, {len(runs) - len(todo)} of them done before")
    if todo:
        run_data(study, work_dir)
    if parallel > 1:
        commands = {run.name: [sys.executable, *run_words(run, work_dir)] for run in todo}
        failed = run_side_by_side(commands, parallel)
        if failed:
            raise CommandFailed(f"failed, the reason is above: {', '.join(failed)}")
        return
    for number, run in enumerate(todo, start=1):
        say(f"run {number} of {len(todo)}: {run.name}")
        add_row(run_once(run, work_dir))


def main() -> int:
    """Run a study, write its batch files or print its table."""
    args = parse_args()
    if args.study is None:
        for name in study_names():
            say(f"{name}: {read_study(name).title}")
        return 0
    os.chdir(ROOT)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        study = tuned(read_study(args.study))
        runs = select_runs(study, args.device, args.models, args.seeds)
        if args.slurm is not None:
            for path in write_jobs(runs, args.slurm, args.work_dir):
                say(str(path))
            return 0
        if not args.table:
            run_all(runs, args.work_dir, args.parallel)
        if args.table or len(runs) > 1:
            say(study_table(study, read_all_rows(), args.device) or "no run is finished yet")
    except (StudyError, CommandFailed) as error:
        say(f"run_study: {error}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped; the next call goes on from here.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
