#!/usr/bin/env python
"""Test a model: ``python tools/test.py CONFIG CHECKPOINT [--show-dir DIR] [--tta]``.

The arguments are those of mmdet3d's tool. ``results_nusc.json`` and the official scores go to the
work directory. ``--eval-json FILE`` scores a results file that exists, without any model. Several
processes: tools/dist_test.sh.
"""

import argparse

from mmengine.config import Config, ConfigDict

from epropnp_det.engine import check_checkpoint
from misc.cli import UsageError, add_run_arguments, build_runner, load_config, plain_errors


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description="Test a 3D detector")
    add_run_arguments(parser)
    parser.add_argument("checkpoint", nargs="?", help="checkpoint of the config's model")
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
    missing = [key for key in ("tta_model", "tta_pipeline") if key not in cfg]
    if missing:
        raise UsageError(f"--tta: the config has no {' and no '.join(missing)}")
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)


def evaluate_file(cfg: Config, path: str) -> None:
    """Score a results file on the split of the config's test evaluator."""
    from epropnp_det.evaluation import evaluate_results_file, format_table
    from epropnp_det.evaluation.frames import FrameTable

    evaluator = cfg.test_evaluator
    version = FrameTable(evaluator.ann_file, evaluator.data_root).version
    metrics = evaluate_results_file(
        path, evaluator.data_root, version, evaluator.get("eval_set"), cfg.work_dir
    )
    print(format_table(metrics))


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


if __name__ == "__main__":
    main()
