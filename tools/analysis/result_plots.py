"""Plots of results: errors by group, reliability of densities, risk by coverage."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from epropnp_results.analysis import Calibration, Pairs, coverage, risk_coverage
from epropnp_results.analysis.calibration import LEVELS
from epropnp_results.analysis.errors import (
    Groups,
    class_groups,
    distance_groups,
    truncation_groups,
    visibility_groups,
)
from epropnp_results.analysis.temperature import tempered_levels
from epropnp_results.pictures.palette import FOUND, TRUTH, hex_code

ORANGE, BLUE = hex_code(FOUND), hex_code(TRUTH)
STYLE = {"axes.grid": True, "grid.alpha": 0.3, "font.size": 9}
FEWEST = 10  # pairs of a group whose reliability is plotted
COLUMNS = 4


def plot_errors(path: Path, pairs: Pairs) -> None:
    """Quartiles of errors by class, distance, visibility and truncation."""
    groupings = (class_groups, distance_groups, visibility_groups, truncation_groups)
    groups = {name: mask for grouping in groupings for name, mask in grouping(pairs).items()}
    columns = {
        "position error (m)": pairs.position,
        "position error / distance": pairs.position / pairs.distance,
        "heading or rotation error (degrees)": np.degrees(pairs.angle),
        "size error (1 - overlap)": pairs.size,
    }
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(13, 1.2 + 0.24 * len(groups)), layout="constrained")
        axes = figure.subplots(1, len(columns), sharey=True)
        for axis, (title, values) in zip(axes, columns.items(), strict=True):
            _quartiles(axis, values, groups)
            axis.set_xlabel(title)
        labels = [f"{name} ({mask.sum()})" for name, mask in groups.items()]
        axes[0].set_yticks(range(len(groups)), labels)
        axes[0].invert_yaxis()
        figure.savefig(path, dpi=110)


def _quartiles(axis: Axes, values: np.ndarray, groups: Groups) -> None:
    for row, mask in enumerate(groups.values()):
        low, middle, high = np.quantile(values[mask], [0.25, 0.5, 0.75])
        axis.plot([low, high], [row, row], color=BLUE, linewidth=4, solid_capstyle="round")
        axis.plot([middle], [row], "o", color=ORANGE, markersize=5)
    axis.set_xlim(left=0)


def plot_calibration(path: Path, tested: Pairs, fitted: Calibration) -> None:
    """Reliability of the regions of place and heading, and risk by coverage."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(12, 4), layout="constrained")
        axes = figure.subplots(1, 3)
        for axis, quantity in zip(axes, ("place", "heading"), strict=False):
            _reliability(axis, tested, quantity, fitted)
            axis.set(title=quantity)
            axis.legend()
        risk = risk_coverage(tested.position, tested.trust)
        axes[2].plot(np.arange(1, len(risk) + 1) / len(risk), risk, color=ORANGE)
        axes[2].set(
            title="risk by coverage",
            xlabel="share kept, most trusted first",
            ylabel="mean position error (m)",
        )
        figure.savefig(path, dpi=110)


def plot_groups(path: Path, tested: Pairs, fitted: Calibration, quantity: str) -> None:
    """Reliability by class and distance, of groups with enough objects."""
    groups = class_groups(tested) | distance_groups(tested)
    groups = {name: mask for name, mask in groups.items() if mask.sum() >= FEWEST}
    if not groups:
        return
    columns = min(COLUMNS, len(groups))
    rows = -(-len(groups) // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3 * columns, 3 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for axis, (name, mask) in zip(axes, groups.items(), strict=False):
            _reliability(axis, tested.select(mask), quantity, fitted)
            axis.set(title=f"{quantity}, {name} ({mask.sum()})")
        axes[0].legend()
        for axis in axes[len(groups) :]:
            axis.axis("off")
        figure.savefig(path, dpi=110)


def _reliability(axis: Axes, pairs: Pairs, quantity: str, fitted: Calibration) -> None:
    axis.plot([0, 1], [0, 1], ":", color="gray")
    for calibration, color, name in ((None, ORANGE, "as it is"), (fitted, BLUE, "calibrated")):
        levels = tempered_levels(pairs, quantity, calibration)
        axis.plot(LEVELS, coverage(levels), "o-", color=color, label=name, markersize=3)
    axis.set(xlabel="level of the region", ylabel="share of truths inside")
