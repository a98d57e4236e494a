"""Scores on LM-O's real images as rows of results, and their table."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from studies.rows import Row, make_row
from studies.table import markdown_table

STUDY = "lmo"
TITLES = {
    "ransac": "96 pixels, coordinates, RANSAC PnP",
    "epropnp": "96 pixels, EPro-PnP",
    "ransac_256": "256 pixels, coordinates, RANSAC PnP",
    "epropnp_256": "256 pixels, EPro-PnP",
}
HEADS = {
    "add_0.02d": "ADD(-S) 0.02 d",
    "add_0.05d": "0.05 d",
    "add_0.1d": "0.1 d",
    "add_auc": "AUC",
    "proj_5px": "projection 5 px",
    "5deg5cm": "5 deg 5 cm",
    "AR_MSSD": "MSSD",
    "AR_MSPD": "MSPD",
    "AR_MSSD_MSPD": "their mean",
}


def scores_row(
    model: str, scores: Path, settings: str, device: str, seconds: Mapping[str, float]
) -> Row:
    """Row of a tested network.

    Args:
        model: one of `TITLES`.
        scores: ``scores_6dof.json`` of its test.
        settings: text of all that decides the result.
        device: of the training.
        seconds: of training and test, by name.
    """
    mean = json.loads(scores.read_text())["mean"]
    metrics = {name: round(mean[name], 3) for name in HEADS}
    return make_row(STUDY, model, device, settings, metrics, seconds)


def lmo_table(rows: Sequence[Row]) -> str:
    """The newest row of each network, as Markdown; empty without rows."""
    newest = {row.model: row for row in rows}
    heads = ["", *HEADS.values(), "second half, minutes"]
    lines = []
    for model in [model for model in TITLES if model in newest]:
        row = newest[model]
        cells = [f"{row.metrics[name]:.1f}" for name in HEADS]
        minutes = f"{row.seconds['train'] / 60:.0f}, {row.machine}"
        lines.append(f"| {TITLES[model]} | {' | '.join(cells)} | {minutes} |")
    return markdown_table(heads, lines) if newest else ""
