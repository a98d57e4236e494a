"""The page ``docs/results_calibration.md``: what the densities of the networks are worth."""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from studies.pose_calibration import STUDY as POSE_CALIBRATION
from studies.pose_calibration import calibration_tables
from studies.rows import RESULTS, Row, read_rows
from studies.table import markdown_table

CALIBRATION = "calibration"
STEPS = ("as it is", "temperature", "conformal", "by trust")
MODELS = {
    "demo": "The detector of `make demo`, synthetic mini_val",
    "epropnp": "EPro-PnP of the head to head",
    "harder": "EPro-PnP on the harder data",
}
ORDERS = {"trust": "trust", "region": "size of the 90 % region", "score": "the detector's score"}
SUBJECTS = ("place", "heading", "hardest place", "hardest heading")
LMO = """## LM-O

Densities of whole poses, `python tools/report_6dof.py ... --row NAME`:
one temperature and split conformal levels are fitted on other images than are counted. The
calibration error is the mean difference of coverage and level at 19 levels, the log density that
of the true pose in nats; the hardest are the quarter of the widest densities. Of a symmetric
object the likeliest equivalent counts."""
INTRODUCTION = """# May the densities be believed?

Written by `python tools/results_page.py` from `results/calibration.json` and
`results/pose_calibration.json`; the scores of the networks are in [results.md](results.md).

`python tools/calibration_study.py RESULTS_DIR` on validation images: half of them fit a
temperature for each class and split conformal levels, the others are counted. Place is the
position on the ground. The calibration error is the mean difference of coverage and level at 19
levels; the hardest are the least trusted quarter. "By trust": conformal levels of each quarter of
trust."""


def calibration_page(folder: Path = RESULTS) -> str:
    """Text of the page."""
    poses = calibration_tables(read_rows(POSE_CALIBRATION, folder))
    parts = [INTRODUCTION, *_detectors(folder), *([LMO, poses] if poses else [])]
    return "\n\n".join(parts) + "\n"


def _detectors(folder: Path) -> list[str]:
    rows = read_rows(CALIBRATION, folder)
    if not rows:
        command = "python tools/test.py CONFIG CHECKPOINT --results-dir RESULTS_DIR"
        return [f"Not measured yet; the results come from `{command}`."]
    parts = []
    for model in dict.fromkeys(row.model for row in rows):
        own = _newest([row for row in rows if row.model == model])
        mean = _means(own)
        trainings = "1 training" if len(own) == 1 else f"mean of {len(own)} trainings"
        objects = f"{mean['fitted on']:.0f} objects to fit, {mean['tested on']:.0f} to test"
        parts.append(f"## {MODELS.get(model, model)} ({trainings}; {objects})")
        parts += [_calibration_table(mean), _risk_table(mean), _heading_table(mean)]
    return parts


def _newest(rows: Sequence[Row]) -> list[Row]:
    """The newest row of each seed."""
    return list({(row.device, row.seed): row for row in rows}.values())


def _means(rows: Sequence[Row]) -> dict[str, float]:
    names = set.intersection(*(set(row.metrics) for row in rows))
    return {name: statistics.fmean(row.metrics[name] for row in rows) for name in sorted(names)}


def _calibration_table(mean: dict[str, float]) -> str:
    def cells(subject: str, show: Callable[[str], str]) -> str:
        return " | ".join(show(f"{subject}, {step}") for step in STEPS)

    lines = []
    for subject in SUBJECTS:
        lines.append(f"| {subject}, error | {cells(subject, lambda n: _3(mean[f'{n}: error']))} |")
        for level in ("50%", "90%"):
            shares = cells(subject, lambda n, level=level: f"{mean[f'{n}: {level}']:.0%}")
            lines.append(f"| {subject}, inside {level} regions | {shares} |")
    return markdown_table(["", *STEPS], lines)


def _risk_table(mean: dict[str, float]) -> str:
    text = """Risk of the objects that are kept when the weakest are left out: mean position error
in metres, and share that is farther off than trust promises (0.5 m plus 5 % of the distance, 20
degrees). "Half" keeps half of them, "mean" is that over all shares."""
    names = [f"{kind} risk{part}" for kind in ("position", "wrong") for part in (" of half", "")]
    lines = []
    for order, title in ORDERS.items():
        cells = " | ".join(_3(mean[f"{name} by {order}"]) for name in names)
        lines.append(f"| {title} | {cells} |")
    heads = ["weakest by", "position, half", "mean", "wrong, half", "mean"]
    return f"{text}\n\n{markdown_table(heads, lines)}"


def _heading_table(mean: dict[str, float]) -> str:
    text = """Openness is the share of the circle that a density of headings is spread over (1 is
flat). Mass behind is that beyond 90 degrees from the mode (0.5: flat, or two opposite peaks)."""
    labels = [name.removeprefix("openness, ") for name in mean if name.startswith("openness, ")]
    lines = [
        f"| {label} | {_3(mean[f'openness, {label}'])} | {_3(mean[f'mass behind, {label}'])} |"
        for label in labels
    ]
    return f"{text}\n\n{markdown_table(['class', 'openness', 'mass behind'], lines)}"


def _3(value: float) -> str:
    return f"{value:.3f}"
