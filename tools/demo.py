#!/usr/bin/env python
"""The main job on a small scale: ``make demo``, or ``python tools/demo.py``.

Generates a synthetic nuScenes, writes its info files, trains the small config, scores it with the
official evaluator and draws pictures. A second run reuses what is there; a stopped run goes on;
``--restart`` begins anew.
"""

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from mmengine.config import Config

from misc.console import CommandFailed, clock, say
from misc.steps import Step, run_steps

ROOT = Path(__file__).resolve().parents[1]
CONFIG = "configs/epropnp_det/epropnp-det-v2_r18-fpn_demo_synthetic.py"
VERSION = "v1.0-mini"
IMAGE_SCALE = 0.28  # 448 x 252 pixels
TRAINING_LINES = r"Iter\(train\)|WARNING|Error"
SCORE_LINES = r"^(mAP|mA.E|NDS):|^Object class|^[a-z_]+ +[01]\.\d|^Over the"
TEST_LINES = rf"Iter\(test\) +\[ *\d+/\d+\] +eta|{SCORE_LINES}|WARNING|Error"


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/demo"))
    parser.add_argument("--data-root", type=Path, default=Path("data/synthetic"))
    parser.add_argument("--restart", action="store_true", help="delete what earlier runs made")
    return parser.parse_args()


def tool(name: str, *arguments: str | Path) -> list[str]:
    """Command line of one of the tools."""
    return [sys.executable, f"tools/{name}.py", *map(str, arguments)]


def make_steps(data_root: Path, work_dir: Path) -> list[Step]:
    """The steps of the demo."""
    config = Config.fromfile(CONFIG)
    checkpoint = work_dir / "train" / f"iter_{config.train_cfg.max_iters}.pth"
    results = work_dir / "test" / "results_nusc.json"
    pictures = work_dir / "pictures"
    create = tool("create_synthetic_nuscenes", data_root, "--version", VERSION)
    options = ["--root-path", data_root, "--version", VERSION, "--overwrite"]
    return [
        Step(
            "synthetic",
            "generate a synthetic nuScenes",
            [*create, "--image-scale", str(IMAGE_SCALE)],
            output=data_root,
        ),
        Step(
            "infos",
            "write its info files",
            tool("create_data", "nuscenes", *options),
            output=data_root / "nuscenes_infos_val.pkl",
        ),
        Step(
            "train",
            f"train {CONFIG}",
            tool("train", CONFIG, "--work-dir", checkpoint.parent, "--resume"),
            output=checkpoint.parent,
            depends=config.pretty_text,
            resumable=True,
            show=TRAINING_LINES,
        ),
        Step(
            "test",
            "score it with the official evaluator",
            tool("test", CONFIG, checkpoint, "--work-dir", results.parent),
            output=results,
            show=TEST_LINES,
        ),
        Step(
            "pictures",
            "draw predictions and ground truth",
            tool("visualize", data_root, results, "--version", VERSION, "--out-dir", pictures),
            output=pictures,
        ),
    ]


def main() -> int:
    """Run the demo."""
    args = parse_args()
    os.chdir(ROOT)
    if args.restart:
        for folder in (args.work_dir, args.data_root):
            shutil.rmtree(folder, ignore_errors=True)
    start = time.monotonic()
    steps = make_steps(args.data_root, args.work_dir)
    try:
        total = run_steps(steps, args.work_dir / "steps")
    except CommandFailed as error:
        say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped; `make demo` goes on from here.")
        return 130
    say(f"\nDone in {clock(time.monotonic() - start)} (all steps together {clock(total)}).")
    say(f"  data set      {args.data_root}")
    say(f"  checkpoint    {args.work_dir}/train")
    say(f"  results file  {args.work_dir}/test/results_nusc.json")
    say(f"  pictures      {args.work_dir}/pictures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
