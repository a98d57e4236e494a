"""Bridges to the installed versions of torch and mmengine, each a small explicit function.

Nothing here runs at import: :mod:`epropnp_mm.registration` calls `allow_mmengine_checkpoints`, the
tools call the rest.
"""

import os
from collections.abc import Callable

import numpy as np
import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.logging import HistoryBuffer

try:  # numpy >= 2 moved it
    from numpy._core import multiarray
except ImportError:
    from numpy.core import multiarray

HISTORY_STATISTICS = ("min", "max", "current", "mean")


def allow_mmengine_checkpoints() -> None:
    """Let torch's safe loading accept what mmengine's own checkpoints hold.

    Besides tensors these are the loss histories: numpy arrays and `HistoryBuffer` objects, whose
    pickles look four methods up with ``getattr``. That one is replaced by a function which finds
    these methods and nothing else, so the protection stays on.
    """
    numpy_functions = ("_reconstruct", "scalar")
    allowed: list[type | Callable | tuple[Callable, str]] = [HistoryBuffer, np.ndarray, np.dtype]
    allowed += [type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8", "b1")]
    for package in ("numpy.core", "numpy._core"):  # both spellings occur in files
        allowed += [
            (getattr(multiarray, name), f"{package}.multiarray.{name}") for name in numpy_functions
        ]
    allowed.append((history_statistic, "builtins.getattr"))
    torch.serialization.add_safe_globals(allowed)


def history_statistic(owner: type, name: str) -> Callable:
    """Method of `HistoryBuffer` that a checkpoint refers to.

    Raises:
        ValueError: for anything else.
    """
    if owner is HistoryBuffer and name in HISTORY_STATISTICS:
        return getattr(HistoryBuffer, name)
    raise ValueError(f"refusing to look up {name!r} of {owner!r} for a checkpoint")


def prepare_cpu_processes(cfg: Config) -> None:
    """Make a run of several processes work where there is no GPU.

    mmengine's own launcher needs CUDA. Without it the processes are joined by gloo here, which
    mmengine then finds done, and the model is wrapped without device ids.

    Args:
        cfg: config with ``launcher``; ``model_wrapper_cfg`` is set in place.

    Raises:
        ValueError: for a launcher other than ``pytorch`` without a GPU.
    """
    if cfg.get("launcher", "none") == "none" or torch.cuda.is_available():
        return
    if cfg.launcher != "pytorch":
        raise ValueError(
            f"--launcher {cfg.launcher} needs GPUs; without them start tools/dist_train.sh or "
            "tools/dist_test.sh, which use --launcher pytorch"
        )
    if not dist.is_initialized():
        dist.init_process_group("gloo")
    wrapper = {"type": "MMDistributedDataParallel", "broadcast_buffers": False}
    wrapper["find_unused_parameters"] = cfg.get("find_unused_parameters", False)
    cfg.model_wrapper_cfg = {**wrapper, "device_ids": None}


def close_processes() -> None:
    """Leave the process group, if there is one; torch warns otherwise."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def process_rank() -> int:
    """Number of this process in the run, before the process group exists too."""
    return int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0")))


def is_main_process() -> bool:
    """Whether this process speaks for the run."""
    return process_rank() == 0
