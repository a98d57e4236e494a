"""NaN in images, calibrations, targets and weights: steps are skipped, a dead training stops."""

import re
from collections.abc import Callable
from pathlib import Path

from .data import detector_run, read_checkpoint, sixdof_run
from .frame import Case, DrillError, Outcome
from .launch import start

PLACES = ("image", "calibration", "target", "one object", "batch")
STEPS = 2 * len(PLACES) + 1
SAVE_LAST = "default_hooks.checkpoint.interval=1000"
CPU_AMP = ("optim_wrapper.type=drills.faults.CpuAmpOptimWrapper", "optim_wrapper.dtype=bfloat16")


def fault(number: int, where: str, first: int, last: int) -> list[str]:
    """Options that add a `NonFinite` hook."""
    name = f"default_hooks.fault{number}"
    where = where.replace(" ", "_")
    settings = (f"where={where}", f"step={first}", f"last={last}", "type=drills.faults.NonFinite")
    return [f"{name}.{setting}" for setting in settings]


def skipped_steps(output: str) -> dict[int, str]:
    """Images named for each skipped step, by the number of skips so far."""
    skips = re.findall(r"Step skipped \((\d+) so far\)", output)
    named = re.findall(r"Losses of the skipped step: .*?; its images: (.*)", output)
    return dict(zip(map(int, skips), named, strict=True))


def every_place(folder: Path, command: Callable[..., list[str]], *options: str) -> Outcome:
    """Spoil every second step of one training, each time in another place."""
    faults = [
        option
        for number, where in enumerate(PLACES)
        for option in fault(number, where, 2 * number + 1, 2 * number + 1)
    ]
    arguments = command(folder / "work", STEPS, SAVE_LAST, *faults, *options)
    output = start("train", arguments, folder / "log").finish()
    named = skipped_steps(output)
    state = read_checkpoint(folder / f"work/iter_{STEPS}.pth")
    broken = [name for name, value in state["state_dict"].items() if not value.isfinite().all()]
    if broken:
        raise DrillError(f"{len(broken)} entries of the model are not finite, first {broken[0]}")
    unnamed = [number for number, images in named.items() if "not finite" not in images]
    if unnamed:
        raise DrillError(f"the images of skips {unnamed} were not named")
    if f"{len(named)} of {STEPS} steps were skipped" not in output:
        raise DrillError("the end of the log does not count the skipped steps")
    left = len(PLACES) - len(named)
    seen = f"{len(named)} steps skipped, their images and fields named"
    seen += f"; in {left} the bad object was left out by the layer" if left else ""
    return Outcome(seen + "; weights and running means finite", len(PLACES), len(PLACES))


def dead_training(folder: Path, where: str) -> Outcome:
    """Spoil every step from the third on."""
    options = [*fault(0, where, 2, 999), "custom_hooks.0.max_consecutive=3"]
    process = start("train", detector_run(folder / "work", 20, *options), folder / "log")
    code = process.wait(900)
    path = folder / "work/stopped_iter_5.pth"
    if code != 2 or "3 steps in a row had non-finite gradients" not in process.output():
        raise DrillError(f"exit code {code}: {process.tail()}")
    state = read_checkpoint(path)["state_dict"]
    finite = all(value.isfinite().all() for value in state.values())
    if not finite and where != "weights":
        raise DrillError("the saved state is not finite")
    return Outcome(f"exit code 2, message, {path.name}" + (" (finite)" if finite else ""), 3, 3)


EVERYWHERE = "NaN in an image, a calibration, all targets of an image, one object, a whole batch"
SKIPPED = "the step is skipped and counted, images and fields are named, nothing else changes"
STOPPED = "training stops after the set number of steps with a message and a checkpoint"
CASES = [
    Case(
        "NaN in the detector's data",
        EVERYWHERE,
        SKIPPED,
        lambda f: every_place(f, detector_run),
    ),
    Case(
        "NaN in the 6DoF network's data", EVERYWHERE, SKIPPED, lambda f: every_place(f, sixdof_run)
    ),
    Case(
        "NaN in mixed precision",
        EVERYWHERE + ", bfloat16 and a loss scaler on the CPU",
        SKIPPED,
        lambda f: every_place(f, detector_run, *CPU_AMP),
    ),
    Case(
        "every batch is bad",
        "NaN in all images from the third step on",
        STOPPED,
        lambda f: dead_training(f, "batch"),
    ),
    Case(
        "the weights are bad",
        "NaN in a weight from the third step on",
        STOPPED,
        lambda f: dead_training(f, "weights"),
    ),
]
