#!/usr/bin/env python
"""The main job on a small scale: ``make demo``, or ``python tools/demo.py``.

Generates a synthetic nuScenes, writes its info files, trains the small config, scores it with the
official evaluator and draws pictures. A second run reuses what is there; a stopped run goes on;
``--restart`` begins anew.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from mmengine.config import Config

from epropnp_det.evaluation.official import ERROR_NAMES
from epropnp_tools.commands import CPU_PROCESSES, distributed_training, tool
from epropnp_tools.console import say
from epropnp_tools.restart import RECORDS, forget
from epropnp_tools.steps import Step, run_program

ROOT = Path(__file__).resolve().parents[1]
CONFIG = "configs/epropnp_det/epropnp-det-v2_lite0-fpn_demo_synthetic.py"
VERSION = "v1.0-mini"
IMAGE_SCALE = 0.28  # 448 x 252 pixels
QUICK_SIZE = ["--scenes", "3", "--samples-per-scene", "2"]
QUICK_ITERATIONS = 4
QUICK_OPTIONS = ["train_dataloader.batch_size=2", "default_hooks.checkpoint.interval=2"]
TRAINING_LINES = (
    r"Iter\(train\)|resumed|Step skipped|Error"
    r"|WARNING - (?!\"FileClient|\"HardDisk|.* is skipped since its requires_grad)"
)
SCORE_LINES = r"^(mAP|mA.E|NDS):|^Object class|^[a-z_]+ +[01]\.\d|^Over the"
TEST_LINES = rf"Iter\(test\) +\[ *\d+/\d+\] +eta|{SCORE_LINES}|Error"


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work-dir", type=Path, help="default: work_dirs/demo")
    parser.add_argument("--data-root", type=Path, help="default: data/synthetic")
    parser.add_argument("--restart", action="store_true", help="delete what earlier runs made")
    parser.add_argument(
        "--quick", action="store_true", help="few images and iterations: checks the steps, no score"
    )
    args = parser.parse_args()
    suffix = "-quick" if args.quick else ""
    args.work_dir = args.work_dir or Path(f"work_dirs/demo{suffix}")
    args.data_root = args.data_root or Path(f"data/synthetic{suffix}")
    return args


def make_steps(args: argparse.Namespace) -> list[Step]:
    """The steps of the demo."""
    data_root, work_dir = args.data_root, args.work_dir
    config = Config.fromfile(CONFIG)
    iterations = QUICK_ITERATIONS if args.quick else config.train_cfg.max_iters
    checkpoint = work_dir / "train" / f"iter_{iterations}.pth"
    results = work_dir / "test" / "tta" / "results_nusc.json"
    pictures = work_dir / "pictures"
    data, version = ["--data-root", data_root], ["--version", VERSION]
    size = QUICK_SIZE if args.quick else []
    scale = ["--image-scale", str(IMAGE_SCALE)]
    train = [CONFIG, *data, "--work-dir", work_dir / "train", "--resume"]
    if args.quick:
        train += ["--cfg-options", f"train_cfg.max_iters={iterations}", *QUICK_OPTIONS]
    return [
        Step(
            "synthetic",
            "generate a synthetic nuScenes",
            tool("create_synthetic_nuscenes", data_root, *version, *scale, *size),
            output=data_root,
        ),
        Step(
            "infos",
            "write its info files",
            tool("create_data", "nuscenes", "--root-path", data_root, *version),
            output=data_root / "nuscenes_infos_val_mono.pkl",
            show=r"^wrote |Error|create_data:",
        ),
        Step(
            "train",
            f"train {CONFIG}",
            distributed_training(train, CPU_PROCESSES),
            output=checkpoint.parent,
            depends=config.pretty_text,
            resumable=True,
            show=TRAINING_LINES,
        ),
        Step(
            "test",
            "score it with the official evaluator, each image together with its mirror image",
            tool("test", CONFIG, checkpoint, *data, "--work-dir", work_dir / "test", "--tta"),
            output=results,
            show=TEST_LINES,
        ),
        Step(
            "pictures",
            "draw predictions and ground truth",
            tool("visualize", results, "--dataroot", data_root, *version, "--out-dir", pictures),
            output=pictures,
        ),
    ]


def report(args: argparse.Namespace) -> None:
    """Say what came out and where it is."""
    summary = json.loads((args.work_dir / "test/tta" / "metrics_summary.json").read_text())
    errors = summary["tp_errors"].items()
    listed = ", ".join(f"{ERROR_NAMES[name]} {value:.3f}" for name, value in errors)
    say(f"  NDS {summary['nd_score']:.3f}, mAP {summary['mean_ap']:.3f}, {listed}")
    say(f"  data set       {args.data_root}")
    say(f"  checkpoint     {args.work_dir}/train")
    say(f"  submission     {args.work_dir}/test/tta/results_nusc.json")
    say(f"  scores         {args.work_dir}/test/tta/metrics_summary.json")
    say(f"  pictures       {args.work_dir}/pictures")


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
