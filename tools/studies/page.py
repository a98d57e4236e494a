"""The page ``docs/results.md``: tables of all rows there are, beside the published scores."""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from studies.lmo import STUDY as LMO
from studies.lmo import lmo_table
from studies.pose_calibration import STUDY as POSE_CALIBRATION
from studies.pose_calibration import calibration_tables
from studies.published import published_scores
from studies.rows import RESULTS, Row, read_all_rows, read_rows
from studies.study import DEVICES, Study, read_study, select_runs
from studies.table import study_table
from studies.tuning import best_options, tuned

CALIBRATION = "calibration"
STEPS = ("as it is", "temperature", "conformal", "by trust")
MODELS = {
    "demo": "The detector of `make demo`, synthetic mini_val",
    "epropnp": "EPro-PnP of the head to head",
    "harder": "EPro-PnP on the harder data",
}
ORDERS = {"trust": "trust", "region": "size of the 90 % region", "score": "the detector's score"}
SUBJECTS = ("place", "heading", "hardest place", "hardest heading")
INTRODUCTION = """# What was measured

Written by `python tools/results_page.py`: numbers and plots come from `results/*.json`, none is
typed. Every table names the command that fills it, every row in the files has its commit, machine
and seconds.

**nuScenes and LineMOD are not to be had here.** What stands below was measured on generated scenes
with the official nuScenes evaluator, with small networks from scratch: it compares methods under
equal conditions and says nothing about scores on nuScenes. The published scores are listed
[at the end](#published-scores-not-reproduced-here) as targets for whoever has the data. Also on
real data: LM-O, see [lmo.md](lmo.md); twelve nuScenes images, overfitted, see
[training.md](training.md#a-few-real-images). Numbers that the published system gave on recorded
inputs are reproduced by the tests (`make test`).

`python tools/run_study.py` lists the studies. What has a row with the same settings is not run
again, and a stopped run goes on; `--parallel N` does several runs at a time, `--slurm FOLDER`
writes batch files for a cluster."""
SECTIONS = {
    "head_to_head": """## Three detectors on the same data

The same backbone, widths, image size and batches, and the same number of images on a GPU, the same
time on CPUs; validation scenes are unseen streets in light and weather of their own.
Learning rates: see [below](#learning-rates).

On CPUs an image is seen once or so: this compares what is learnt from little, not what is reached
in the end. EPro-PnP is ahead of both in NDS, mAP, mATE, mASE and mAOE, by several times the spread
over the seeds; the paper reports the same order for NDS, mATE and mAOE after full trainings.""",
    "ablations": """## One part changed at a time

EPro-PnP as above, but for what the line says. Seeds of the whole differ (table above), so that of
these short trainings two say something: the reprojection loss alone is behind in all but mASE, the
gradient through the optimum in NDS and most of all in heading. Without derivative regularisation,
softmax or the gradient of the threshold the scores lie within the range of the whole's seeds: more
seeds, or longer trainings, have to tell.""",
    "harder": """## Data that are harder to see

Twice as many standing objects, which hide each other, of three quarters of the size, no colours
that tell front from back, noise and blur.""",
    "learning_rate": """## Learning rates

One seed each, fewer steps on a GPU than in the comparison, scored on scenes that no other table
reads; the best NDS decides.""",
}
LMO_CALIBRATION = """Densities of whole poses, `python tools/report_6dof.py ... --row NAME`:
one temperature and split conformal levels are fitted on other images than are counted. The
calibration error is the mean difference of coverage and level at 19 levels, the log density that
of the true pose in nats; the hardest are the quarter of the widest densities. Of a symmetric
object the likeliest equivalent counts."""
PUBLISHED = """## Published scores, not reproduced here

With the data and a GPU: train by the config, or convert the authors' weights
(`python tools/convert_checkpoint.py PUBLISHED.pth OUR.pth`) and test; commands are on top of each
config. None of these numbers was reproduced here, where neither data nor weights are; what was
reproduced is the arithmetic ([compatibility.md](compatibility.md))."""


def results_page(folder: Path = RESULTS) -> str:
    """Text of the page."""
    parts = [INTRODUCTION]
    parts += [_study_section(name, folder) for name in ("head_to_head", "ablations", "harder")]
    parts += [_calibration_section(folder), _toys_section(), _lmo_section(folder)]
    parts += [_study_section("learning_rate", folder), _published_section()]
    return "\n\n".join(parts) + "\n"


def _study_section(name: str, folder: Path) -> str:
    study = tuned(read_study(name), folder)
    lines = [SECTIONS[name]]
    rows = read_all_rows(folder)
    for device in DEVICES:
        if device in study.budgets and (table := study_table(study, rows, device)):
            lines += [_command(study, device), table]
    if len(lines) == 1:
        lines.append(
            f"Not measured yet: `python tools/run_study.py {name} --device cpu --parallel 2`."
        )
    elif name == "learning_rate":
        lines.append(_chosen(study, rows))
    else:
        lines.append(f"![metrics, one point a training](pictures/results_{name}.png)")
    return "\n\n".join(lines)


def _chosen(study: Study, rows: Sequence[Row]) -> str:
    """What the other studies take: the options of the best candidates."""
    groups = dict.fromkeys(model.tuning for model in study.models)
    found = {group: best_options(study, group, rows) for group in groups}
    said = [f"{group} `{' '.join(words)}`" for group, words in found.items() if words]
    return f"Chosen: {', '.join(said)}; the config's own where nothing is chosen."


def _command(study: Study, device: str) -> str:
    budget = study.budget(device)
    words, where = f"{study.name} --device {device}", "one GPU"
    if device == "cpu":
        words, where = f"{words} --parallel 2", f"{budget.processes} CPU core a training"
    numbers = [run.iterations for run in select_runs(study, device)]
    steps = " to ".join(map(str, sorted({min(numbers), max(numbers)})))
    return (
        f"`python tools/run_study.py {words}`: {where}, {steps} steps of 8 images. "
        "Mean and standard deviation over the seeds."
    )


def _calibration_section(folder: Path) -> str:
    text = """## May the densities be believed?

`python tools/calibration_study.py RESULTS_DIR` on validation images: half of them fit a
temperature for each class and split conformal levels, the others are counted. Place is the
position on the ground. The calibration error is the mean difference of coverage and level at 19
levels; the hardest are the least trusted quarter. "By trust": conformal levels of each quarter of
trust."""
    rows = read_rows(CALIBRATION, folder)
    if not rows:
        command = "python tools/test.py CONFIG CHECKPOINT --results-dir RESULTS_DIR"
        return f"{text}\n\nNot measured yet; the results come from `{command}`."
    parts = [text]
    for model in dict.fromkeys(row.model for row in rows):
        own = _newest([row for row in rows if row.model == model])
        mean = _means(own)
        trainings = "1 training" if len(own) == 1 else f"mean of {len(own)} trainings"
        objects = f"{mean['fitted on']:.0f} objects to fit, {mean['tested on']:.0f} to test"
        parts.append(f"### {MODELS.get(model, model)} ({trainings}; {objects})")
        parts += [_calibration_table(mean), _risk_table(mean), _heading_table(mean)]
    return "\n\n".join(parts)


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
    return _table(["", *STEPS], lines)


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
    return f"{text}\n\n{_table(heads, lines)}"


def _heading_table(mean: dict[str, float]) -> str:
    text = """Openness is the share of the circle that a density of headings is spread over (1 is
flat). Mass behind is that beyond 90 degrees from the mode (0.5: flat, or two opposite peaks)."""
    labels = [name.removeprefix("openness, ") for name in mean if name.startswith("openness, ")]
    lines = [
        f"| {label} | {_3(mean[f'openness, {label}'])} | {_3(mean[f'mass behind, {label}'])} |"
        for label in labels
    ]
    return f"{text}\n\n{_table(['class', 'openness', 'mass behind'], lines)}"


def _toys_section() -> str:
    return """## The layer by itself

Correspondences from nothing but poses, the identity of SE(3), the scatter of gradients against
samples, evidence where the optimum jumps: [toy_studies.md](toy_studies.md)."""


def _lmo_section(folder: Path) -> str:
    text = """## LM-O

Trained on rendered images alone, tested on the 200 real frames with true boxes, percent: `make
lmo`, and the configs of 256 pixels on a GPU; per object, trials and uncertainty in
[lmo.md](lmo.md)."""
    calibration = calibration_tables(read_rows(POSE_CALIBRATION, folder))
    parts = [text, lmo_table(read_rows(LMO, folder)), calibration and LMO_CALIBRATION, calibration]
    return "\n\n".join(filter(None, parts))


def _published_section() -> str:
    lines = [f"| `{each.config}` | {each.score} |" for each in published_scores()]
    return f"{PUBLISHED}\n\n{_table(['config', 'score'], lines)}"


def _table(heads: Sequence[str], lines: Sequence[str]) -> str:
    return "\n".join(["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|", *lines])


def _3(value: float) -> str:
    return f"{value:.3f}"
