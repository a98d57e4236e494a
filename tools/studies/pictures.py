"""Plots of studies: one point a training, a line of the table each."""

from pathlib import Path

import matplotlib.pyplot as plt

from studies.rows import Row
from studies.study import DEVICES, Study, select_runs
from studies.table import compares

SHOWN = 5  # metrics side by side
COLORS = {"cpu": "#0072b2", "cuda": "#d55e00"}  # Okabe and Ito


def plot_study(study: Study, rows: list[Row], out: Path) -> bool:
    """Draw the metrics of the finished runs; False, and no file, where nothing is compared."""
    found = {
        device: [
            (run, row) for run in select_runs(study, device) for row in rows if row.belongs_to(run)
        ]
        for device in DEVICES
        if device in study.budgets and compares(study, rows, device)
    }
    if not any(found.values()):
        return False
    names = [model.title for model in study.models]
    metrics = study.metrics[:SHOWN]
    size = (3 + 2.2 * len(metrics), 1.2 + 0.3 * len(names))
    figure, axes = plt.subplots(1, len(metrics), figsize=size, sharey=True, squeeze=False)
    for axis, metric in zip(axes[0], metrics, strict=True):
        for device, pairs in found.items():
            values = [row.metrics[metric] for _, row in pairs]
            places = [names.index(run.model.title) for run, _ in pairs]
            axis.plot(values, places, "o", color=COLORS[device], alpha=0.7, label=device)
        axis.set(title=metric)
        axis.grid(alpha=0.3)
    axes[0, 0].set_yticks(range(len(names)), names)
    axes[0, 0].invert_yaxis()
    axes[0, 0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(out, dpi=110)
    plt.close(figure)
    return True
