"""What the pose densities of 6DoF networks are worth: rows of results, and their tables."""

import json
from collections.abc import Sequence
from pathlib import Path

from studies.lmo import TITLES
from studies.rows import Row, make_row
from studies.table import markdown_table

STUDY = "pose_calibration"
SPLITS = {
    "validation": "rendered, fitted on other rendered scenes",
    "validation to test": "real, fitted on rendered scenes",
    "test": "real, fitted on other real frames",
}
STEPS = ("as predicted", "temperature", "conformal")


def calibration_row(model: str, report: Path, settings: str, device: str) -> Row:
    """Row of a network.

    Args:
        model: name in the table, one of `studies.lmo.TITLES` for LM-O.
        report: ``report.json`` of ``tools/report_6dof.py``.
        settings: text of all that decides the result.
        device: of the training.

    Raises:
        ValueError: the report has too few objects for such numbers.
    """
    found = json.loads(report.read_text())["uncertainty"]
    if set(found["calibration"]) != set(SPLITS):
        raise ValueError(f"{report}: too few objects have a pose for {sorted(SPLITS)}")
    numbers = {
        f"{split}; {name}": value
        for kind in ("calibration", "spread")
        for split, values in found[kind].items()
        for name, value in values.items()
    }
    metrics = {name: round(value, 4) for name, value in numbers.items()}
    return make_row(STUDY, model, device, settings, metrics, {}, measured_on="cpu")


def calibration_tables(rows: Sequence[Row]) -> str:
    """The newest row of each network as Markdown; empty without rows."""
    newest = {row.model: row for row in rows}
    parts = []
    for model in [*TITLES, *sorted(set(newest) - set(TITLES))]:
        if model in newest:
            parts.append(f"### {TITLES.get(model, model)}\n\n{_table(newest[model].metrics)}")
    return "\n\n".join(parts)


def _table(metrics: dict[str, float]) -> str:
    heads = ["", "", "error", "in 50 %", "in 90 %", "log density"]
    heads += ["hardest: error", "in 50 %", "in 90 %"]
    lines = []
    for split, title in SPLITS.items():
        for step in STEPS:
            own = f"{split}; {step}"
            named = step
            if step == "temperature":
                named += f" {metrics[f'{split}; fitted temperature']:.2g}"
            density = metrics.get(f"{own}: log density")
            cells = [title if step == STEPS[0] else "", named, *_cells(metrics, own)]
            cells.append("" if density is None else f"{density:.1f}")
            cells += _cells(metrics, f"{split}; hardest, {step}")
            lines.append(f"| {' | '.join(cells)} |")
    return markdown_table(heads, lines)


def _cells(metrics: dict[str, float], name: str) -> list[str]:
    shares = [f"{metrics[f'{name}: {level}']:.0%}" for level in ("50%", "90%")]
    return [f"{metrics[f'{name}: error']:.3f}", *shares]
