"""Correspondences learnt from poses alone: ``demo/learn_correspondences.py``, its numbers noted."""

import runpy
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from studies.study import ROOT

TITLE = "Correspondences from nothing but poses"
STEPS = 600


def measure(steps: int = STEPS) -> dict[str, Any]:
    """Median position error and entropy of eight unseen views, as training goes on."""
    demo = runpy.run_path(str(ROOT / "demo/learn_correspondences.py"), run_name="demo")
    history, _ = demo["train"](steps)
    return {
        "step": [snapshot.step for snapshot in history.snapshots],
        "error": history.errors,
        "entropy": history.entropies,
        "loss": history.losses,
    }


def plot(measured: dict[str, Any], out: Path) -> None:
    """Loss, error and entropy against steps."""
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.2))
    axes[0].plot(measured["loss"], linewidth=0.5)
    axes[0].set(title="Monte Carlo loss, nats")
    axes[1].semilogy(measured["step"], measured["error"], "o-")
    axes[1].set(title="median position error, m")
    axes[2].plot(measured["step"], measured["entropy"], "o-")
    axes[2].set(title="median entropy, nats")
    for axis in axes:
        axis.set(xlabel="step")
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(out, dpi=110)
    plt.close(figure)
