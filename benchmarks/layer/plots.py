"""Plots of the results: scaling, stages, alternatives, memory, roofline."""

import re
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from layer.roofline import BYTES_PER_POINT, OPERATIONS, POSES
from layer.timing import Metric

AXES = ("objects", "points", "samples")
BARS = {"stage": "stages of a 4DoF step", "solve": "solve", "memory": "memory of a step"}
NUMBA, EAGER = "C0", "C1"


def plot(metrics: list[Metric], folder: Path) -> None:
    """Write ``layer.png`` (scaling), ``layer_bars.png`` and ``layer_roofline.png``.

    Only the first where the groups of the others were left out.
    """
    _save(_scaling(metrics), folder / "layer.png")
    if any(metric.name.split(" ")[0] in BARS for metric in metrics):
        _save(_bars(metrics), folder / "layer_bars.png")
    roofline = [metric for metric in metrics if metric.name.startswith("roofline")]
    if roofline:
        _save(_roofline(roofline), folder / "layer_roofline.png")


def _save(figure: pyplot.Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _scaling(metrics: list[Metric]) -> pyplot.Figure:
    """Training step over objects, points and samples."""
    figure, axes = pyplot.subplots(1, 3, figsize=(12, 3.6))
    for place, (axis, kind) in enumerate(zip(axes, AXES, strict=True)):
        scaled = [m for m in metrics if m.name.startswith(f"scaling | {kind}")]
        for backend in sorted({m.name.split(" | ")[-1] for m in scaled}):
            own = [m for m in scaled if m.name.endswith(f"| {backend}")]
            sizes = [int(re.findall(r"\d+", m.name)[place]) for m in own]
            axis.loglog(sizes, [m.value for m in own], "o-", label=backend)
        axis.set_xlabel(kind)
        axis.set_ylabel("training step, ms")
        if scaled:
            axis.legend()
    return figure


def _bars(metrics: list[Metric]) -> pyplot.Figure:
    """One bar per stage, solver and size."""
    groups = {kind: [m for m in metrics if m.name.startswith(kind)] for kind in BARS}
    groups = {kind: own for kind, own in groups.items() if own}
    heights = [len(own) for own in groups.values()]
    figure, axes = pyplot.subplots(
        len(groups),
        1,
        figsize=(10, 1.0 + 0.24 * sum(heights)),
        gridspec_kw=dict(height_ratios=heights),
        squeeze=False,
    )
    for axis, (kind, own) in zip(axes[:, 0], groups.items(), strict=True):
        labels = [metric.name.partition(" | ")[2] for metric in own]
        colors = [EAGER if label.endswith("eager") else NUMBA for label in labels]
        axis.barh(range(len(own)), [metric.value for metric in own], color=colors)
        axis.set_yticks(range(len(own)), labels, fontsize=7)
        axis.set_xscale("log")
        axis.invert_yaxis()
        axis.set_xlabel(f"{BARS[kind]}, {own[0].unit}")
    return figure


def _roofline(metrics: list[Metric]) -> pyplot.Figure:
    """Operations per second against operations per byte of memory."""
    values = {metric.name.split(" | ")[1]: metric.value for metric in metrics}
    peak = next(value for name, value in values.items() if "peak" in name)
    bandwidth = next(value for name, value in values.items() if "bandwidth" in name)
    figure, axis = pyplot.subplots(figsize=(6, 4))
    intensities = [0.1 * 10 ** (step / 10) for step in range(60)]
    axis.loglog(intensities, [min(peak, bandwidth * x) for x in intensities], "k-")
    for kernel, operations in OPERATIONS.items():
        name = next(name for name in values if name.endswith(f" {kernel}"))
        axis.loglog(operations * POSES / BYTES_PER_POINT, values[name], "o", label=kernel)
    axis.set_xlabel("operations per byte of memory")
    axis.set_ylabel("GFLOP/s")
    axis.legend()
    return figure
