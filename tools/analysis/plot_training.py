#!/usr/bin/env python
"""Training curves of one or more runs: ``python tools/analysis/plot_training.py WORK_DIR...``.

Reads the newest ``vis_data/scalars.json`` below each folder and plots the named values
(--keys loss ate ...; all losses when none is named) against the iteration.
"""

import argparse
import json
import sys
from pathlib import Path

import matplotlib
import numpy as np


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work_dirs", nargs="+", type=Path)
    parser.add_argument("--keys", nargs="+", help="values to plot; all losses by default")
    parser.add_argument("--out", type=Path, default=Path("training.png"))
    parser.add_argument("--smooth", type=int, default=1, help="running mean over so many records")
    args = parser.parse_args()
    if args.smooth < 1:
        parser.error("--smooth must be at least 1")
    return args


def read_scalars(folder: Path) -> list[dict]:
    """Records of the newest run below a folder.

    Raises:
        FileNotFoundError: there is no log.
    """
    files = sorted(folder.rglob("vis_data/scalars.json"), key=lambda path: path.stat().st_mtime)
    if not files:
        raise FileNotFoundError(f"{folder}: no vis_data/scalars.json below it")
    lines = files[-1].read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def curve(records: list[dict], key: str, smooth: int) -> tuple[np.ndarray, np.ndarray]:
    """Iterations and values of a key, smoothed."""
    points = [(r.get("step", r.get("iter")), r[key]) for r in records if key in r]
    steps, values = np.array(points, dtype=float).reshape(-1, 2).T
    width = min(smooth, max(len(values), 1))
    kernel = np.ones(width) / width
    return steps[width - 1 :], np.convolve(values, kernel, mode="valid") if len(values) else values


def main() -> None:
    """Plot, or say in one line why that is not possible."""
    args = parse_args()
    try:
        runs = {folder: read_scalars(folder) for folder in args.work_dirs}
    except FileNotFoundError as error:
        sys.exit(f"plot_training: {error}")
    known = sorted({key for records in runs.values() for record in records for key in record})
    keys = args.keys or [key for key in known if key.startswith("loss")]
    if missing := [key for key in keys if key not in known]:
        sys.exit(f"plot_training: no {missing[0]!r} in the logs; there are {', '.join(known)}")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = min(3, len(keys))
    rows = -(-len(keys) // columns)
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(5 * columns, 3 * rows), squeeze=False, constrained_layout=True
    )
    for axis in axes.ravel()[len(keys) :]:
        axis.axis("off")
    for axis, key in zip(axes.ravel(), keys, strict=False):
        for folder, records in runs.items():
            axis.plot(*curve(records, key, args.smooth), label=folder.name)
        axis.set(title=key, xlabel="iteration")
    axes[0, 0].legend()
    figure.savefig(args.out, dpi=100)
    print(f"{args.out}: {', '.join(keys)}")


if __name__ == "__main__":
    main()
