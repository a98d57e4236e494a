"""Plots of an evaluation; needs matplotlib, which comes with mmdet."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

BINS = np.array([0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
STYLE = {"axes.grid": True, "grid.alpha": 0.3, "font.size": 9}


def plot_recall_by_visibility(
    path: Path, visibility: np.ndarray, correct: dict[str, np.ndarray], what: str
) -> list[dict]:
    """Recall of each method in bins of visibility.

    Args:
        path: picture to write.
        visibility: (N,) visible fraction of the targets.
        correct: title to (N,) bool.
        what: name of the recall.

    Returns:
        One row per bin: ``low``, ``high``, ``count`` and each method's recall in percent.
    """
    index = np.clip(np.digitize(visibility, BINS) - 1, 0, len(BINS) - 2)
    rows = []
    for bin_, (low, high) in enumerate(pairwise(BINS)):
        inside = index == bin_
        row = {"low": float(low), "high": float(high), "count": int(inside.sum())}
        for title, right in correct.items():
            row[title] = 100 * float(right[inside].mean()) if inside.any() else float("nan")
        rows.append(row)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5, 3.2))
        axes = figure.add_subplot()
        width = 0.8 / len(correct)
        for number, title in enumerate(correct):
            places = np.arange(len(rows)) + (number - (len(correct) - 1) / 2) * width
            axes.bar(places, [row[title] for row in rows], width, label=title)
        labels = [f"{r['low']:.1f} to {r['high']:.1f}\n({r['count']})" for r in rows]
        axes.set_xticks(np.arange(len(rows)), labels)
        axes.set_xlabel("visible fraction (number of targets)")
        axes.set_ylabel(f"{what}, %")
        axes.legend()
        _save(figure, path)
    return rows


def plot_calibration(path: Path, levels: dict[str, np.ndarray]) -> None:
    """Share of true poses inside credible regions against the regions' probability."""
    nominal = np.linspace(0, 1, 101)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.6, 3.4))
        axes = figure.add_subplot()
        axes.plot(nominal, nominal, color="0.6", linestyle="--")
        for title, level in levels.items():
            axes.plot(nominal, [(level <= p).mean() for p in nominal], label=title)
        axes.set_xlabel("probability of the region")
        axes.set_ylabel("share of true poses inside")
        axes.legend()
        _save(figure, path)


def plot_risk(path: Path, risk: np.ndarray, what: str) -> None:
    """Risk-coverage curve (El-Yaniv and Wiener, JMLR 2010) from risks (N,) of the first 1 ... N."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.6, 3.4))
        axes = figure.add_subplot()
        kept = np.arange(1, len(risk) + 1) / len(risk)
        axes.plot(kept, risk, label=f"by predicted spread ({risk.mean():.3f})")
        axes.axhline(risk[-1], color="0.6", linestyle="--", label="in any order")
        axes.set_xlabel("share of objects kept")
        axes.set_ylabel(f"{what} among them")
        axes.set_ylim(0, 1)
        axes.legend()
        _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=130, metadata={"Software": None})
