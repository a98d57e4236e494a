"""Where the time of a detector goes: each second of its methods is counted once, from outside."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from layer.timing import wait_for
from torch import nn

METHODS = {  # stage: path of the module, method; of those a detector does not have it has no time
    "preprocessing": ("data_preprocessor", "forward"),
    "backbone": ("backbone", "forward"),
    "neck": ("neck", "forward"),
    "dense head": ("bbox_head", "forward_dense"),
    "dense head of mmdet3d": ("bbox_head", "forward"),
    "selection": ("bbox_head", "select"),
    "objects": ("bbox_head", "predict_objects"),
    "pose": ("bbox_head.pose_solver", "solve"),
    "decode, NMS": ("bbox_head", "solve_and_decode"),
    "decode, NMS of mmdet3d": ("bbox_head", "predict_by_feat"),
}
LOADING, REST = "data loading", "rest"
STAGES = (LOADING, *(name for name in METHODS if not name.endswith("mmdet3d")), REST)


def make_clock(kind: str, device: torch.device) -> Callable[[], float]:
    """Clock in seconds that waits for the device.

    Args:
        kind: "wall", or "cpu" for the processor time of all threads of this process.
        device: of the network.
    """
    read = time.process_time if kind == "cpu" else time.perf_counter

    def clock() -> float:
        wait_for(device)
        return read()

    return clock


class Stopwatch:
    """Adds up the time of stages; time of a stage inside another counts for the inner one only.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens inside for a stage."""
        self._count()
        self._open.append(name)
        try:
            yield
        finally:
            self._count()
            self._open.pop()

    def _count(self) -> None:
        now = self.clock()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now


def watch(model: nn.Module, stopwatch: Stopwatch) -> None:
    """Let a stopwatch count the stages of a detector, this project's or mmdet3d's."""
    for name, (path, method) in METHODS.items():
        owner = model
        for part in path.split("."):
            owner = getattr(owner, part, None)
        inner = getattr(owner, method, None)
        if inner is not None:
            setattr(owner, method, _watched(stopwatch, name.removesuffix(" of mmdet3d"), inner))


def _watched(stopwatch: Stopwatch, name: str, inner: Callable) -> Callable:
    def call(*args: object, **options: object) -> object:
        with stopwatch.stage(name):
            return inner(*args, **options)

    return call
