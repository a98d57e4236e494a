#!/usr/bin/env python
"""Errors and calibration of results: ``python tools/analysis/analyze_results.py RESULTS_DIR``.

RESULTS_DIR needs truth (tools/test.py --results-dir). Images are split in two: on one part a
temperature per class and conformal levels of the densities on the ground are fitted (detector), and
conformal margins of the intervals of position (both networks); the other part says what they are
worth. Writes report.json and plots to --out-dir (RESULTS_DIR/analysis). --checkpoint also saves the
calibration beside that checkpoint, where the inferencers find it.
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path

from result_plots import plot_calibration, plot_errors, plot_groups
from tqdm import tqdm

from epropnp_results import ResultsError, ResultsFolder
from epropnp_results.analysis import (
    Calibration,
    Pairs,
    as_promised,
    collect_pairs,
    error_table,
    evaluate_calibration,
    fit_calibration,
    hold_out,
    risk_coverage,
)
from epropnp_results.analysis.calibration import binned_trust
from epropnp_results.analysis.temperature import calibration_path, quantities


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results_dir", type=Path)
    parser.add_argument("--out-dir", type=Path)
    parser.add_argument("--min-score", type=float, default=0.1)
    parser.add_argument("--held-out", type=float, default=0.5, help="share of images to fit on")
    parser.add_argument("--checkpoint", type=Path, help="save the calibration beside it")
    args = parser.parse_args()
    if not 0 < args.held_out < 1:
        parser.error("--held-out must be between 0 and 1")
    return args


def report(pairs: Pairs, fitted: Calibration, tested: Pairs, task: str) -> dict:
    """Everything as plain numbers."""
    risk = risk_coverage(tested.position, tested.trust)
    shares = [0.25, 0.5, 0.75, 1.0]
    return dict(
        matched=len(pairs),
        errors=error_table(pairs),
        trust=dict(
            zip(
                ("mean_trust", "right", "count"),
                binned_trust(tested.trust, as_promised(tested, task)).T.tolist(),
                strict=True,
            )
        ),
        risk={str(s): float(risk[max(int(s * len(risk)) - 1, 0)]) for s in shares},
        as_it_is=evaluate_calibration(tested),
        calibrated=evaluate_calibration(tested, fitted),
        fitted_on=fitted.count,
        tested_on=len(tested),
    )


def print_calibration(name: str, content: dict) -> None:
    """Print a line per quantity."""
    for quantity, unit in (("place", "m2"), ("heading", "degrees")):
        own = content.get(quantity)
        if own is None:
            continue
        print(
            f"{name.replace('_', ' ')}, {quantity}: calibration error "
            f"{own['calibration_error']:.3f}, log likelihood {own['log_likelihood']:.2f}, "
            f"90 % regions {own['sharpness']:.3g} {unit}"
        )
    for level, shares in content.get("intervals", {}).get("coverage", {}).items():
        inside = ", ".join(f"{axis} {share:.1%}" for axis, share in shares.items())
        print(f"{name.replace('_', ' ')}, {float(level):.0%} intervals hold: {inside}")


def print_errors(rows: list[dict]) -> None:
    """Print the table of errors."""
    print(f"{'':24}{'count':>6}{'position':>12}{'relative':>10}{'angle':>9}{'size':>7}")
    for row in rows:
        print(
            f"{row['group']:24}{row['count']:6}{row['position']:10.3f} m{row['relative']:10.1%}"
            f"{row['angle']:8.1f}°{row['size']:7.2f}"
        )


def run(args: argparse.Namespace) -> None:
    """Analyse, write, print.

    Raises:
        ResultsError, ValueError: the folder holds too little.
    """
    results = ResultsFolder(args.results_dir)
    pairs = collect_pairs(results, partial(tqdm, total=len(results), unit="image"), args.min_score)
    if args.checkpoint is not None and results.header.get("calibrated"):
        raise ValueError(
            f"{results.path}: made with a calibration, which a fit to these results would replace. "
            f"Move {calibration_path(args.checkpoint)} away and infer again"
        )
    if pairs.place_grid is None and pairs.intervals is None:
        print_errors(error_table(pairs))
        raise ValueError(f"{results.path}: holds no densities, so that nothing can be calibrated")
    held, tested = hold_out(pairs, args.held_out)
    fitted = fit_calibration(held)
    content = report(pairs, fitted, tested, results.header["task"])
    folder = args.out_dir or args.results_dir / "analysis"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(content, indent=1))
    plot_errors(folder / "errors.png", pairs)
    if quantities(pairs):
        plot_calibration(folder / "calibration.png", tested, fitted)
    for quantity in quantities(pairs):
        plot_groups(folder / f"calibration_{quantity}_by_group.png", tested, fitted, quantity)
    print_errors(content["errors"])
    for name in ("as_it_is", "calibrated"):
        print_calibration(name, content[name])
    if args.checkpoint is not None:
        print(f"calibration saved as {fitted.save_beside(args.checkpoint)}")
    print(f"report and plots are in {folder}")


def main() -> None:
    """Run, or say in one line why that is not possible."""
    args = parse_args()
    try:
        run(args)
    except (ResultsError, ValueError) as error:
        sys.exit(f"analyze_results: {error}")


if __name__ == "__main__":
    main()
