"""Measuring: warm-up, median and spread of repeated calls, and how results are recorded."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

LEAST_SECONDS = 1.0  # a case is repeated for so long at least
REPEATS = (7, 200)  # fewest and most repeats


class Metric(NamedTuple):
    """One measured number.

    Attributes:
        name: what was measured.
        value: median of a time, or the number itself.
        unit: its unit.
        spread: distance of the quartiles, of a time.
        error: what the result was worth, such as the final cost, or None.
        rel_tol: growth that `--compare` takes for a regression; infinite if it never is one.
    """

    name: str
    value: float
    unit: str = "ms"
    spread: float = 0.0
    error: str | None = None
    rel_tol: float = 0.25


def milliseconds(
    call: Callable[[], object], device: torch.device | None = None
) -> tuple[float, float]:
    """Median and distance of the quartiles of the time of a call, after two calls to warm up.

    On a GPU each call ends when its last kernel has ended.
    """
    call()
    call()
    wait_for(device)
    times: list[float] = []
    while len(times) < REPEATS[0] or (sum(times) < 1e3 * LEAST_SECONDS and len(times) < REPEATS[1]):
        begin = time.perf_counter()
        call()
        wait_for(device)
        times.append(1e3 * (time.perf_counter() - begin))
    lower, _, upper = statistics.quantiles(times, n=4)
    return statistics.median(times), upper - lower


def timed(
    name: str,
    call: Callable[[], object],
    error: str | None = None,
    device: torch.device | None = None,
) -> Metric:
    """Metric of a timed call."""
    median, spread = milliseconds(call, device)
    print(f"{name:64s} {median:10.2f} ms", flush=True)
    return Metric(name, median, "ms", spread, error)


def wait_for(device: torch.device | None) -> None:
    """Wait until a GPU has done what it was given."""
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)
