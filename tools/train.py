#!/usr/bin/env python
"""Train a model: ``python tools/train.py CONFIG [--work-dir DIR] [--resume]``.

The arguments are those of mmdet3d's tool. Several processes: tools/dist_train.sh.
"""

import argparse
import sys

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from epropnp_mm.engine import check_checkpoint, latest_checkpoint
from epropnp_tools.cli import UsageError, add_run_arguments, build_runner, load_config, plain_errors
from epropnp_tools.pretrained import check_pretrained


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description="Train a 3D detector")
    add_run_arguments(parser)
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        help="go on from this checkpoint, or from the newest of the work directory",
    )
    parser.add_argument(
        "--amp", action="store_true", help="mixed precision (GPU; the PnP layer stays in float32)"
    )
    parser.add_argument(
        "--sync_bn",
        choices=["none", "torch", "mmcv"],
        default="none",
        help="convert the batch normalisation layers to synchronised ones",
    )
    parser.add_argument(
        "--auto-scale-lr",
        action="store_true",
        help="scale the learning rate by the batch size, relative to the config's own",
    )
    return parser.parse_args()


def enable_amp(cfg: Config) -> None:
    """Switch the optimizer wrapper to mixed precision; it skips and reports bad steps as well.

    Raises:
        UsageError: without a GPU.
    """
    if not torch.cuda.is_available():
        raise UsageError("--amp needs a CUDA GPU; leave it out to train in float32")
    cfg.optim_wrapper.type = "FiniteGradAmpOptimWrapper"
    cfg.optim_wrapper.setdefault("loss_scale", "dynamic")


def enable_lr_scaling(cfg: Config) -> None:
    """Switch mmengine's learning rate scaling on.

    Raises:
        UsageError: when the config does not say what its learning rate belongs to.
    """
    if "base_batch_size" not in cfg.get("auto_scale_lr", {}):
        raise UsageError(
            "--auto-scale-lr: the config has no auto_scale_lr.base_batch_size, the batch size "
            "over all GPUs that its learning rate was chosen for"
        )
    cfg.auto_scale_lr.enable = True


def set_resume(cfg: Config, resume: str | None) -> None:
    """Set what to go on from: a given checkpoint, or the newest readable one of the work directory.

    Where there is none yet, training starts as without ``--resume``, from the config's
    ``load_from`` if it has one.
    """
    path, problems = latest_checkpoint(cfg.work_dir) if resume == "auto" else (resume, [])
    for problem in problems:
        print(f"Warning: passed over: {problem}", file=sys.stderr, flush=True)
    if path is not None:
        cfg.resume, cfg.load_from = True, str(path)


def check_start(cfg: Config, runner: Runner) -> None:
    """Check the checkpoint that training would start from, before the data are read."""
    if cfg.get("load_from") is not None:
        check_checkpoint(runner.model, cfg.load_from, strict=cfg.get("resume", False))


def main() -> None:
    """Train."""
    args = parse_args()
    with plain_errors():
        cfg = load_config(args)
        if args.amp:
            enable_amp(cfg)
        if args.auto_scale_lr:
            enable_lr_scaling(cfg)
        if args.sync_bn != "none":
            cfg.sync_bn = args.sync_bn
        set_resume(cfg, args.resume)
        if cfg.get("load_from") is None:  # a checkpoint holds all weights
            check_pretrained(cfg.model)
        runner = build_runner(cfg)
        check_start(cfg, runner)
        runner.train()


if __name__ == "__main__":
    main()
