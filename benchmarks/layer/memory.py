"""Peak memory of a call; of a training step, in a process of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from layer.contender import Contender
from layer.timing import Metric

GRID = {
    "32 x 4096 x 512": (6, 32, 4096, 512, 5, 4),
    "4 x 4096 x 2048": (6, 4, 4096, 2048, 5, 4),
    "4 x 512 x 2048": (6, 4, 512, 2048, 5, 4),
}
WARM = (6, 2, 16, 16, 5, 4)


def memory_metrics(contender: Contender) -> list[Metric]:
    """How far a step lifts the peak of memory above that of a tiny one, MB.

    On a CPU that of a process of its own.
    """
    found = []
    for case, work in GRID.items():
        on_gpu = contender.device.type == "cuda"
        value = peak_of(work, contender) if on_gpu else _peak_of_a_process(work, contender.name)
        name = contender.name
        label = f"memory of a training step | 6DoF {case} (objects, points, samples) | {name}"
        found.append(Metric(label, value, "MB"))
        print(f"{label:64s} {value:10.1f} MB", flush=True)
    return found


def _peak_of_a_process(work: tuple, name: str) -> float:
    command = [sys.executable, str(Path(__file__).parents[1] / "bench_layer.py"), "--peak"]
    command += [name, ",".join(map(str, work))]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(text.split()[-1])


def peak_of(work: tuple, contender: Contender) -> float:
    """MB by which one step lifts the memory of this process, or of its tensors on a GPU."""
    from layer.cases import training_step

    torch.manual_seed(0)
    training_step(WARM, contender)()
    return memory_rise(training_step(work, contender), contender.device)


def memory_rise(call: Callable[[], object], device: torch.device | None = None) -> float:
    """MB by which a call lifts the memory in use at its peak.

    On a GPU that of torch's tensors; else the resident memory of this process, whose earlier peak,
    that of importing and compiling, the kernel is told to forget.
    """
    if device is not None and device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    call()
    return resident("VmHWM") - before


def resident(field: str) -> float:
    """A size of this process as Linux tells it, MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))
