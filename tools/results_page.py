#!/usr/bin/env python
"""Write ``docs/results*.md`` and their pictures from ``results/*.json``: no arguments needed."""

import argparse
from pathlib import Path

import matplotlib

from epropnp_data.whole_file import write_text
from epropnp_tools.console import say
from studies.calibration_page import calibration_page
from studies.page import results_page
from studies.pictures import plot_study
from studies.rows import RESULTS, read_all_rows
from studies.study import ROOT, read_study
from studies.tuning import tuned

PLOTTED = ("head_to_head", "ablations", "harder")


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the rows")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="folder of the page")
    return parser.parse_args()


def main() -> None:
    """Write."""
    args = parse_args()
    matplotlib.use("Agg")
    pages = {"results.md": results_page, "results_calibration.md": calibration_page}
    for name, page in pages.items():
        write_text(args.docs / name, page(args.results))
        say(str(args.docs / name))
    pictures = args.docs / "pictures"
    pictures.mkdir(exist_ok=True)
    rows = read_all_rows(args.results)
    for name in PLOTTED:
        path = pictures / f"results_{name}.png"
        if plot_study(tuned(read_study(name), args.results), rows, path):
            say(str(path))


if __name__ == "__main__":
    main()
