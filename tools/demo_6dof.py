#!/usr/bin/env python
"""The 6DoF network on a small scale: ``make demo-6dof``, or ``python tools/demo_6dof.py``.

Generates textured objects in BOP format and trains a small network on the CPU, first by coordinate
regression (solved by OpenCV's RANSAC PnP), then with EPro-PnP on top; tests both on held-out views,
prints the accuracy table and draws pictures. A second run reuses what is there; a stopped run goes
on; ``--restart`` begins anew. ``--baseline`` also continues coordinate regression alone, for as
many iterations as it had before.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from epropnp_tools.commands import CPU_PROCESSES, demo, distributed_training, tool
from epropnp_tools.console import say
from epropnp_tools.restart import RECORDS, forget
from epropnp_tools.steps import Step, run_program

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = Path("configs/epropnp_6dof")
REGRESSION = "coord-ransac_r18_synthetic_demo"
LAYER = "epropnp-6dof-v2_r18_synthetic_demo"
INTRINSICS = ["400", "400", "159.5", "119.5"]  # of the generated images
TRAINING_LINES = r"Iter\(train\)|Step skipped|Error"
TEST_LINES = r"^object|^[0-9a-z]+ +\d+\.\d\d |Error"
QUICK_SIZE = ["--train-images", "8", "--test-images", "2"]
QUICK_ITERATIONS = 4
COLUMNS = ("add_0.02d", "add_0.05d", "add_0.1d", "proj_5px", "5deg5cm", "AR_MSSD", "AR_MSPD")
SCORES = "scores_6dof.json"


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/demo_6dof"))
    parser.add_argument("--data-root", type=Path, default=Path("data/synthetic_bop"))
    parser.add_argument("--baseline", action="store_true", help="compare with RANSAC PnP")
    parser.add_argument("--restart", action="store_true", help="delete what earlier runs made")
    parser.add_argument(
        "--quick", action="store_true", help="few images and iterations: checks the steps, no score"
    )
    return parser.parse_args()


class Training(NamedTuple):
    """One line of the table.

    Attributes:
        name: of its folder.
        title: in the table.
        config: file name without suffix.
        start: training whose checkpoint it starts from.
    """

    name: str
    title: str
    config: str
    start: str | None = None


def trainings(args: argparse.Namespace) -> list[Training]:
    """What is trained."""
    lines = [
        Training("coordinates", "coordinates, RANSAC PnP", REGRESSION),
        Training("epropnp", "then EPro-PnP", LAYER, "coordinates"),
    ]
    longer = Training("longer", "then coordinates as long", REGRESSION, "coordinates")
    return [*lines, longer] if args.baseline else lines


def num_iterations(args: argparse.Namespace, config: str) -> int:
    """Iterations of a config."""
    path = CONFIGS / f"{config}.py"
    return QUICK_ITERATIONS if args.quick else Config.fromfile(path).train_cfg.max_iters


def checkpoint(args: argparse.Namespace, name: str, config: str) -> Path:
    """Last checkpoint of a training."""
    return args.work_dir / name / "train" / f"iter_{num_iterations(args, config)}.pth"


def network_steps(args: argparse.Namespace, training: Training) -> list[Step]:
    """Train and test one network."""
    path = CONFIGS / f"{training.config}.py"
    folder = args.work_dir / training.name
    data = ["--data-root", args.data_root]
    options = [f"train_cfg.max_iters={num_iterations(args, training.config)}"]
    if training.start is not None:
        start = checkpoint(args, training.start, REGRESSION)
        options += ["model.init_cfg.type=Pretrained", f"model.init_cfg.checkpoint={start}"]
    train = [path, "--work-dir", folder / "train", "--resume", *data]
    trained = checkpoint(args, training.name, training.config)
    return [
        Step(
            f"train_{training.name}",
            f"train {training.title}: {path}",
            distributed_training([*train, "--cfg-options", *options], CPU_PROCESSES),
            output=folder / "train",
            depends=Config.fromfile(path).pretty_text,
            resumable=True,
            show=TRAINING_LINES,
        ),
        Step(
            f"test_{training.name}",
            "test it on held-out views",
            tool("test", path, trained, "--work-dir", folder / "test", *data),
            output=folder / "test" / SCORES,
            show=TEST_LINES,
        ),
    ]


def make_steps(args: argparse.Namespace) -> list[Step]:
    """The steps of the demo."""
    size = QUICK_SIZE if args.quick else []
    steps = [
        Step(
            "synthetic",
            "generate textured objects in BOP format",
            tool("create_synthetic_bop", args.data_root, *size),
            output=args.data_root,
        )
    ]
    for training in trainings(args):
        steps += network_steps(args, training)
    return [*steps, picture_step(args)]


def picture_step(args: argparse.Namespace) -> Step:
    """Draw poses, maps and densities of the test images with the command for one's own images."""
    data_root, pictures = args.data_root, args.work_dir / "pictures"
    options = {
        "--detections": data_root / "test_detections.json",
        "--config": CONFIGS / f"{LAYER}.py",
        "--checkpoint": checkpoint(args, "epropnp", LAYER),
        "--models-dir": data_root / "models",
        "--out-dir": pictures,
    }
    words = [word for pair in options.items() for word in pair]
    images = data_root / "test" / "000002" / "rgb"
    return Step(
        "pictures",
        "draw poses, coordinate and weight maps, orientation densities",
        demo("infer_poses", images, "--intrinsics", *INTRINSICS, *words),
        output=pictures,
    )


def report(args: argparse.Namespace) -> None:
    """Say what came out and where it is."""
    say(f"  {'':<28}" + "".join(f"{column:>11}" for column in COLUMNS))
    for training in trainings(args):
        folder = args.work_dir / training.name
        scores = json.loads((folder / "test" / SCORES).read_text())["mean"]
        say(f"  {training.title:<28}" + "".join(f"{scores[column]:>11.1f}" for column in COLUMNS))
    say(f"  data set       {args.data_root}")
    say(f"  checkpoint     {args.work_dir / 'epropnp'}/train")
    say(f"  BOP results    {args.work_dir / 'epropnp'}/test/results_bop.csv")
    say(f"  pictures       {args.work_dir}/pictures/pictures")


def main() -> int:
    """Run the demo."""
    args = parse_args()
    os.chdir(ROOT)
    if args.restart:
        forget(args)
    code = run_program(make_steps(args), args.work_dir / RECORDS)
    if code == 0:
        report(args)
    return code


if __name__ == "__main__":
    sys.exit(main())
