"""What the command lines of tools/train.py and tools/test.py have in common."""

import argparse
import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from mmengine.config import Config, DictAction
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from epropnp_data.errors import DatasetError
from epropnp_mm.compat import close_processes, is_main_process, prepare_cpu_processes, process_rank
from epropnp_mm.engine import CheckpointError, TrainingStopped
from epropnp_mm.engine.model_from_data import complete_model

BUILD_MARK = re.compile(  # in messages of parts that cannot be built
    r"^['\"]?class `|is not in the .* registry|__init__\(\) (?:got an unexpected|missing)"
)
FREE_SPACE = "Make room, then run again (tools/train.py with --resume)"
OTHER_FOLDER = "Choose another --work-dir, or change its permissions"
REMEDIES = {  # of what a file system refuses
    errno.ENOSPC: FREE_SPACE,
    errno.EDQUOT: FREE_SPACE,
    errno.EFBIG: FREE_SPACE,
    errno.EACCES: OTHER_FOLDER,
    errno.EPERM: OTHER_FOLDER,
    errno.EROFS: OTHER_FOLDER,
    errno.ENOTDIR: OTHER_FOLDER,
    errno.ENAMETOOLONG: OTHER_FOLDER,
}


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
        DatasetError: the model needs its data to be built, and they are missing or wrong.
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
    complete_model(cfg, getattr(args, "checkpoint", None))
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get("work_dir") is None:
        cfg.work_dir = str(Path("work_dirs") / Path(args.config).stem)
    if Path(cfg.work_dir).exists() and not Path(cfg.work_dir).is_dir():
        raise UsageError(f"--work-dir {cfg.work_dir}: is a file, not a folder")
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
    """Runner of a config, on GPUs or on CPU processes.

    Raises:
        UsageError: a part of the config does not exist or does not take one of its settings.
    """
    prepare_cpu_processes(cfg)
    try:
        return RUNNERS.build(cfg) if "runner_type" in cfg else Runner.from_cfg(cfg)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        if BUILD_MARK.search(str(error)) is None:
            raise
        text = str(error).strip("'\"")
        raise UsageError(
            f"the config cannot be built: {text}. Look at its parts and at --cfg-options"
        ) from error


def plain_message(error: Exception) -> str:
    """Message of an error, without the traceback that torch adds to those of its workers."""
    text = str(error)
    if text.startswith("Caught ") and "Original Traceback" in text:
        text = text.rpartition(f"{type(error).__name__}: ")[2].strip()
    return text


def _stop(message: str) -> NoReturn:
    where = "" if is_main_process() else f" (process {process_rank()})"
    print(f"\nError{where}: {message}", file=sys.stderr, flush=True)
    sys.exit(2)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn foreseen errors into one message without a traceback, and leave the process group.

    Every process says its own: what fails in one of them only would be silent otherwise.
    """
    try:
        yield
    except (UsageError, DatasetError, CheckpointError, TrainingStopped) as error:
        _stop(plain_message(error))
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        place = f"{error.filename}: " if error.filename else ""
        _stop(f"{place}{error.strerror}. {REMEDIES[error.errno]}")
    finally:
        close_processes()
