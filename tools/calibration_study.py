#!/usr/bin/env python
"""Judge the densities of a trained detector: ``python tools/calibration_study.py RESULTS_DIR``.

RESULTS_DIR is that of ``tools/test.py CONFIG CHECKPOINT --results-dir RESULTS_DIR``, with truth and
densities and without a calibration. Half of its images fit temperatures and conformal levels, the
others say what they are worth. Adds a row to ``results/calibration.json``.
"""

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path

from tqdm import tqdm

from epropnp_results import ResultsError, ResultsFolder
from epropnp_results.analysis import collect_pairs
from epropnp_tools.console import say
from studies.calibration import calibration_metrics
from studies.rows import RESULTS, Row, add_row, make_row
from studies.study import DEVICES, StudyError

STUDY = "calibration"


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results_dir", type=Path)
    parser.add_argument("--model", default="epropnp", help="name in the row")
    parser.add_argument("--seed", type=int, default=0, help="of the training")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="of the training")
    parser.add_argument("--min-score", type=float, default=0.1, help="weaker objects do not count")
    parser.add_argument("--held-out", type=float, default=0.5, help="share of images to fit on")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the row")
    args = parser.parse_args()
    if not 0 < args.held_out < 1:
        parser.error("--held-out must be between 0 and 1")
    return args


def judge(args: argparse.Namespace) -> Row:
    """The row of a results folder.

    Raises:
        ResultsError: there is no such folder.
        ValueError: it holds too little, or was made with a calibration.
    """
    results = ResultsFolder(args.results_dir)
    if results.header.get("calibrated"):
        raise ValueError(f"{results.path}: made with a calibration; infer again without it")
    start = time.monotonic()
    progress = partial(tqdm, total=len(results), unit="image")
    pairs = collect_pairs(results, progress, args.min_score)
    metrics = calibration_metrics(pairs, args.held_out)
    made_with = [results.header, args.min_score, args.held_out]
    return make_row(
        STUDY,
        args.model,
        args.device,
        json.dumps(made_with, sort_keys=True, default=str),
        {name: round(value, 4) for name, value in metrics.items()},
        {"analysis": time.monotonic() - start},
        seed=args.seed,
        measured_on="cpu",
    )


def main() -> None:
    """Add a row, or say in one line why that is not possible."""
    args = parse_args()
    try:
        row = judge(args)
        add_row(row, args.results)
    except (ResultsError, StudyError, ValueError) as error:
        sys.exit(f"calibration_study: {error}")
    for name, value in row.metrics.items():
        say(f"{name:48}{value:10.4f}")


if __name__ == "__main__":
    main()
