"""The identity of SE(3) through matches: ``demo/learn_identity.py``, its numbers noted."""

import runpy
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from studies.study import ROOT

TITLE = "The identity of SE(3), learnt by a network through free matches"
STEPS = 256
CHOICES = ("all but x2d", "all")


def measure(steps: int = STEPS) -> dict[str, Any]:
    """Losses and examination of the trained network, by what the threshold's gradient reaches."""
    demo = runpy.run_path(str(ROOT / "demo/learn_identity.py"), run_name="demo")
    measured: dict[str, Any] = {"steps": steps}
    for choice in CHOICES:
        losses, report = demo["run"](steps, setting=demo["Setting"](delta_gradient=choice))
        measured[choice] = {
            "loss": losses,
            "translation_error": report.translation_error,
            "rotation_error": report.rotation_error,
            "spread": report.spread,
            "same_solution": report.same_solution,
        }
    return measured


def plot(measured: dict[str, Any], out: Path) -> None:
    """Losses against steps."""
    figure, axes = plt.subplots(figsize=(5, 3.5))
    for choice in CHOICES:
        axes.plot(measured[choice]["loss"], linewidth=0.8, label=f'delta_gradient="{choice}"')
    axes.set(xlabel="step", ylabel="Monte Carlo loss, nats")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(out, dpi=110)
    plt.close(figure)
