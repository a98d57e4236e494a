#!/usr/bin/env python
"""The 6DoF network on a small scale: ``make demo-6dof``, or ``python tools/demo_6dof.py``.

Generates textured objects in BOP format, trains a small network on the CPU, tests it on held-out
views, prints the accuracy table and draws pictures. A second run reuses what is there; a stopped
run goes on; ``--restart`` begins anew. ``--baseline`` also trains the same network by coordinate
regression alone, solved by OpenCV's RANSAC PnP.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from mmengine.config import Config

from misc.console import CommandFailed, clock, say
from misc.steps import Step, run_steps

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = Path("configs/epropnp_6dof")
LAYER = "epropnp-6dof-v2_r18_synthetic_demo"
BASELINE = "coord-ransac_r18_synthetic_demo"
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


def tool(name: str, *arguments: str | Path) -> list[str]:
    """Command line of one of the tools."""
    return [sys.executable, f"tools/{name}.py", *map(str, arguments)]


def data_options(data_root: Path) -> list[str]:
    """Config options that point every part of a config at a data set."""
    parts = ("{}_dataloader.dataset", "{}_evaluator")
    names = [part.format(split) for split in ("val", "test") for part in parts]
    return [f"{name}.data_root={data_root}" for name in ("train_dataloader.dataset", *names)]


def network_steps(args: argparse.Namespace, name: str) -> list[Step]:
    """Train and test one config."""
    path = CONFIGS / f"{name}.py"
    config = Config.fromfile(path)
    iterations = QUICK_ITERATIONS if args.quick else config.train_cfg.max_iters
    folder = args.work_dir / name
    options = ["--cfg-options", *data_options(args.data_root)]
    length = [f"train_cfg.max_iters={iterations}", f"train_cfg.val_interval={iterations + 1}"]
    checkpoint = folder / "train" / f"iter_{iterations}.pth"
    return [
        Step(
            f"train_{name}",
            f"train {path}",
            tool("train", path, "--work-dir", folder / "train", "--resume", *options, *length),
            output=folder / "train",
            depends=config.pretty_text,
            resumable=True,
            show=TRAINING_LINES,
        ),
        Step(
            f"test_{name}",
            "test it on held-out views",
            tool("test", path, checkpoint, "--work-dir", folder / "test", *options),
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
    for name in (LAYER, BASELINE) if args.baseline else (LAYER,):
        steps += network_steps(args, name)
    steps.append(picture_step(args, steps[2].command))
    return steps


def picture_step(args: argparse.Namespace, test_command: list[str]) -> Step:
    """Draw poses, maps and densities of the test images with the tool for one's own images."""
    config, checkpoint = test_command[2:4]
    data_root, pictures = args.data_root, args.work_dir / "pictures"
    options = {
        "--detections": data_root / "test_detections.json",
        "--config": config,
        "--checkpoint": checkpoint,
        "--models-dir": data_root / "models",
        "--out-dir": pictures,
    }
    words = [word for pair in options.items() for word in pair]
    images = data_root / "test" / "000002" / "rgb"
    return Step(
        "pictures",
        "draw poses, coordinate and weight maps, orientation densities",
        tool("infer_6dof", images, "--intrinsics", *INTRINSICS, *words),
        output=pictures,
    )


def report(args: argparse.Namespace) -> None:
    """Say what came out and where it is."""
    say(f"  {'':<36}" + "".join(f"{column:>11}" for column in COLUMNS))
    for name in (LAYER, BASELINE) if args.baseline else (LAYER,):
        scores = json.loads((args.work_dir / name / "test" / SCORES).read_text())["mean"]
        say(f"  {name:<36}" + "".join(f"{scores[column]:>11.1f}" for column in COLUMNS))
    say(f"  data set       {args.data_root}")
    say(f"  checkpoint     {args.work_dir / LAYER}/train")
    say(f"  BOP results    {args.work_dir / LAYER}/test/results_bop.csv")
    say(f"  pictures       {args.work_dir}/pictures/pictures")


def stop(signum: int, frame: object) -> None:
    """End like Ctrl-C does, so that the running step ends too."""
    raise KeyboardInterrupt


def main() -> int:
    """Run the demo."""
    args = parse_args()
    os.chdir(ROOT)
    signal.signal(signal.SIGTERM, stop)
    if args.restart:
        for folder in (args.work_dir, args.data_root):
            shutil.rmtree(folder, ignore_errors=True)
    start = time.monotonic()
    try:
        total = run_steps(make_steps(args), args.work_dir / "steps")
    except CommandFailed as error:
        say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped; the next run goes on from here.")
        return 130
    say(f"\nDone in {clock(time.monotonic() - start)} (all steps together {clock(total)}).")
    report(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
