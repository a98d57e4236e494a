#!/usr/bin/env python
"""Test a model: ``python tools/test.py CONFIG CHECKPOINT [--show-dir DIR] [--tta]``.

The arguments are those of mmdet3d's tool. ``results_nusc.json`` and the official scores go to the
work directory. ``--eval-json FILE`` scores a results file that exists, without any model. Several
processes: tools/dist_test.sh.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from mmengine.config import Config, ConfigDict

from epropnp_det.evaluation import evaluate_results_file, format_table
from epropnp_det.evaluation.frames import FrameTable
from epropnp_det.evaluation.submission import RESULTS_NAME
from epropnp_mm.compat import is_main_process
from epropnp_mm.engine import check_checkpoint
from epropnp_tools.cli import UsageError, add_run_arguments, build_runner, load_config, plain_errors


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description="Test a 3D detector")
    add_run_arguments(parser)
    parser.add_argument("checkpoint", nargs="?", help="checkpoint of the config's model")
    parser.add_argument("--show", action="store_true", help="draw into WORK_DIR/pictures")
    parser.add_argument("--show-dir", help="draw the detections into this folder")
    parser.add_argument("--score-thr", type=float, default=0.1, help="lowest score that is drawn")
    parser.add_argument(
        "--format-only", action="store_true", help="write the results file, do not score it"
    )
    parser.add_argument(
        "--tta", action="store_true", help="solve the image and its mirror image together"
    )
    parser.add_argument("--eval-json", metavar="FILE", help="score this results file")
    args = parser.parse_args()
    if (args.checkpoint is None) == (args.eval_json is None):
        parser.error("give either a checkpoint or --eval-json FILE")
    return args


def enable_tta(cfg: Config) -> None:
    """Wrap the model and read several views of each image.

    Raises:
        UsageError: when the config does not say how.
    """
    missing = [key for key in ("tta_model", "tta_pipeline") if not cfg.get(key)]
    if missing:
        raise UsageError(f"--tta: the config has no {' and no '.join(missing)}")
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)


def table_version(cfg: Config) -> str:
    """Version of the tables that the config's test split was made from."""
    evaluator = cfg.test_evaluator
    return FrameTable(evaluator.ann_file, evaluator.data_root).version


def evaluate_file(cfg: Config, path: str) -> None:
    """Score a results file on the split of the config's test evaluator."""
    evaluator = cfg.test_evaluator
    metrics = evaluate_results_file(
        path, evaluator.data_root, table_version(cfg), evaluator.get("eval_set"), cfg.work_dir
    )
    print(format_table(metrics))


def draw(cfg: Config, folder: Path, score_thr: float) -> None:
    """Draw the results file of the test with tools/visualize.py."""
    command = [sys.executable, str(Path(__file__).with_name("visualize.py"))]
    command += [str(Path(cfg.work_dir) / RESULTS_NAME), "--version", table_version(cfg)]
    command += ["--dataroot", cfg.test_evaluator.data_root, "--out-dir", str(folder)]
    subprocess.run([*command, "--score-thr", str(score_thr)], check=True)


def main() -> None:
    """Test."""
    args = parse_args()
    with plain_errors():
        cfg = load_config(args)
        if args.eval_json:
            return evaluate_file(cfg, args.eval_json)
        cfg.load_from = args.checkpoint
        cfg.test_evaluator.out_dir = cfg.work_dir
        cfg.test_evaluator.format_only = args.format_only
        if args.tta:
            enable_tta(cfg)
        runner = build_runner(cfg)
        check_checkpoint(runner.model, args.checkpoint, strict=True)
        runner.test()
        folder = args.show_dir or (Path(cfg.work_dir) / "pictures" if args.show else None)
        if folder is not None and is_main_process():
            draw(cfg, folder, args.score_thr)


if __name__ == "__main__":
    main()
