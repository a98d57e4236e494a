"""The page ``docs/results.md``: tables of all rows there are, beside the published scores."""

from collections.abc import Sequence
from pathlib import Path

from studies.lmo import STUDY as LMO
from studies.lmo import lmo_table
from studies.published import published_scores
from studies.rows import RESULTS, Row, read_all_rows, read_rows
from studies.study import DEVICES, Study, read_study, select_runs
from studies.table import compares, markdown_table, study_table
from studies.tuning import best_options, tuned

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

On CPUs an image is seen once or so: this compares what is learnt from little. EPro-PnP is ahead of
both in NDS, mAP, mATE, mASE and mAOE, by several times the spread over the seeds, and the distance
grows with three times the images on a GPU, where times are no measure, as a dozen trainings shared
it. The paper reports the same order for NDS, mATE and mAOE after full trainings.""",
    "ablations": """## One part changed at a time

EPro-PnP as above, but for what the line says. Seeds of the whole differ (table above), so few of
these short trainings say something. Without the global scale next to nothing is learnt. The
reprojection loss alone is behind in all but mASE. With the gradient through the optimum, and
without the auxiliary losses, headings are not learnt yet (mAOE near that of a guess, 1.57). All
else lies between NDS .21 and .24, mAP and mATE mostly a little worse than those of the whole. The
lower ones (512 samples, four proposals, ten steps of the solver) have an mAOE of about 1, and
there is no order in them: when headings are found in 600 steps scatters as much. More seeds, or
longer trainings, have to tell.""",
    "harder": """## Data that are harder to see

Twice as many standing objects, which hide each other, of three quarters of the size, no colours
that tell front from back, noise and blur.""",
    "learning_rate": """## Learning rates

One seed each, fewer steps on a GPU than in the comparison, scored on scenes that no other table
reads; the best NDS decides.""",
}
CALIBRATION = """## May the densities be believed?

Coverage of credible regions before and after a calibration, risk when the weakest are left out,
open headings, of the detectors above and of LM-O:
[results_calibration.md](results_calibration.md)."""
TOYS = """## The layer by itself

Correspondences from nothing but poses, the identity of SE(3), the scatter of gradients against
samples, evidence where the optimum jumps: [toy_studies.md](toy_studies.md)."""
PUBLISHED = """## Published scores, not reproduced here

With the data and a GPU: train by the config, or convert the authors' weights
(`python tools/convert_checkpoint.py PUBLISHED.pth OUR.pth`) and test; commands are on top of each
config. None of these numbers was reproduced here, where neither data nor weights are; what was
reproduced is the arithmetic ([compatibility.md](compatibility.md))."""


def results_page(folder: Path = RESULTS) -> str:
    """Text of the page."""
    parts = [INTRODUCTION]
    parts += [_study_section(name, folder) for name in ("head_to_head", "ablations", "harder")]
    parts += [CALIBRATION, TOYS, _lmo_section(folder)]
    parts += [_study_section("learning_rate", folder), _published_section()]
    return "\n\n".join(parts) + "\n"


def _study_section(name: str, folder: Path) -> str:
    study = tuned(read_study(name), folder)
    lines = [SECTIONS[name]]
    rows = read_all_rows(folder)
    for device in DEVICES:
        if device in study.budgets and compares(study, rows, device):
            lines += [_command(study, device), study_table(study, rows, device)]
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


def _lmo_section(folder: Path) -> str:
    text = """## LM-O

Trained on rendered images alone, tested on the 200 real frames with true boxes, percent: `make
lmo`, and the configs of 256 pixels on a GPU; per object, trials and uncertainty in
[lmo.md](lmo.md)."""
    return "\n\n".join(filter(None, [text, lmo_table(read_rows(LMO, folder))]))


def _published_section() -> str:
    lines = [f"| `{each.config}` | {each.score} |" for each in published_scores()]
    return f"{PUBLISHED}\n\n{markdown_table(['config', 'score'], lines)}"
