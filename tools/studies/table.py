"""Rows of a study as a Markdown table: mean and spread over the seeds."""

import statistics
from collections.abc import Sequence

from studies.rows import Row
from studies.runs import TTA, TTA_PREFIX
from studies.study import Run, Study, select_runs


def study_table(study: Study, rows: Sequence[Row], device: str) -> str:
    """Table of the finished runs with the settings of now; empty where there is none.

    Mean over the seeds, and the sample standard deviation where there are two or more.
    """
    runs = select_runs(study, device)
    lines = []
    for model in study.models:
        mine = _newest([run for run in runs if run.model is model], rows)
        if not mine:
            continue
        minutes = _spread([row.seconds["train"] / 60 for row in mine], 1)
        minutes += f" | {_spread([row.seconds['test'] / 60 for row in mine], 1)}"
        lines.append(_line(model.title, mine, study.metrics, minutes))
        if model.tta and all(f"{TTA_PREFIX}{study.decisive}" in row.metrics for row in mine):
            names = [f"{TTA_PREFIX}{name}" for name in study.metrics]
            again = _spread([row.seconds[TTA] / 60 for row in mine], 1)
            lines.append(_line(f"{model.title}, mirror image too", mine, names, f"same | {again}"))
    if not lines:
        return ""
    heads = ["", "seeds", *study.metrics, "training, minutes", "test, minutes"]
    return markdown_table(heads, lines)


def compares(study: Study, rows: Sequence[Row], device: str) -> bool:
    """Whether two models or more have finished runs on a device."""
    runs = select_runs(study, device)
    return len({run.model.name for run in runs if _newest([run], rows)}) > 1


def _line(title: str, rows: Sequence[Row], metrics: Sequence[str], minutes: str) -> str:
    cells = [_spread([row.metrics[name] for row in rows], 3) for name in metrics]
    return f"| {title} | {len(rows)} | {' | '.join(cells)} | {minutes} |"


def _newest(runs: list[Run], rows: Sequence[Row]) -> list[Row]:
    found = [[row for row in rows if row.belongs_to(run)] for run in runs]
    return [matching[-1] for matching in found if matching]


def _spread(values: list[float], digits: int) -> str:
    mean = statistics.fmean(values)
    if len(values) == 1:
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} +- {statistics.stdev(values):.{digits}f}"


def markdown_table(heads: Sequence[str], lines: Sequence[str]) -> str:
    """Table of heads and finished lines."""
    return "\n".join(["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|", *lines])
