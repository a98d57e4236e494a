"""What the command lines of tools/train.py and tools/test.py have in common."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from epropnp_data.errors import DatasetError
from epropnp_mm.compat import close_processes, is_main_process, prepare_cpu_processes, process_rank
from epropnp_mm.engine import CheckpointError, TrainingStopped


class UsageError(RuntimeError):
    """Arguments or config values that do not go together."""


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every run, named as in mmdet3d."""
    parser.add_argument("config", help="config file")
    parser.add_argument("--work-dir", help="folder for logs and results")
    parser.add_argument("--data-root", help="folder of the data set, instead of the config's")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        help="settings to override in the config: key=value, key.subkey=value, key=a,b or "
        'key="[(a,b),(c,d)]" (quoted, no blanks)',
    )
    parser.add_argument(
        "--launcher",
        choices=["none", "pytorch", "slurm", "mpi"],
        default="none",
        help="how the processes were started",
    )
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0, help="set by torch")


def load_config(args: argparse.Namespace) -> Config:
    """Read the config and apply the arguments that every run has.

    Raises:
        UsageError: when there is no such config file.
    """
    if not Path(args.config).is_file():
        raise UsageError(f"no config file {args.config}; the ones of this project: configs/*/*.py")
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    if args.data_root is not None:
        set_data_root(cfg, args.data_root)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get("work_dir") is None:
        cfg.work_dir = str(Path("work_dirs") / Path(args.config).stem)
    return cfg


def set_data_root(cfg: Config, data_root: str) -> None:
    """Let all data sets and evaluators of a config read another folder."""
    for split in ("train", "val", "test"):
        for part in ("dataloader", "evaluator"):
            _move(cfg.get(f"{split}_{part}"), data_root)


def _move(part: object, data_root: str) -> None:
    """Replace the data root wherever a part of a config names one, also inside wrapped data sets.

    Annotation files whose path begins with the old root move along.
    """
    if isinstance(part, list | tuple):
        for each in part:
            _move(each, data_root)
    if not isinstance(part, dict):
        return
    if part.get("data_root") is not None:
        old, file = Path(part["data_root"]), part.get("ann_file")
        part["data_root"] = data_root
        if file is not None and Path(file).is_relative_to(old):
            part["ann_file"] = str(Path(data_root) / Path(file).relative_to(old))
    for each in part.values():
        _move(each, data_root)


def build_runner(cfg: Config) -> Runner:
    """Runner of a config, on GPUs or on CPU processes."""
    prepare_cpu_processes(cfg)
    return RUNNERS.build(cfg) if "runner_type" in cfg else Runner.from_cfg(cfg)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn foreseen errors into one message without a traceback, and leave the process group.

    Every process says its own: what fails in one of them only would be silent otherwise.
    """
    try:
        yield
    except (UsageError, DatasetError, CheckpointError, TrainingStopped) as error:
        where = "" if is_main_process() else f" (process {process_rank()})"
        print(f"\nError{where}: {error}", file=sys.stderr, flush=True)
        sys.exit(2)
    finally:
        close_processes()
