"""SIGKILL at random moments, then the same command again: nothing is lost, all is the same."""

import json
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import torch

from .data import detector_run, read_checkpoint, sixdof_run
from .frame import Case, DrillError, Outcome
from .killed_tools import (
    TEST_KILLS,
    TOOL_KILLS,
    info_files,
    killed_test,
    rendered_bop,
    synthetic_bop,
    synthetic_nuscenes,
    tool_with_kills,
)
from .launch import Process, start

KILLS, STEPS = 20, 100
CUTS = (0, 50, 90)  # percent
CHECKPOINTS = ("default_hooks.checkpoint.interval=2",)
PLACED = (  # our own loop and sampler instead of mmengine's
    "train_cfg.type=ResumableIterLoop",
    "train_dataloader.sampler.type=ResumableSampler",
    "train_dataloader.sampler.infinite=True",
)
SAME = "losses of all steps and the final weights are those of the uninterrupted run, bit for bit"


def recorded_losses(work_dir: Path) -> dict[int, set[tuple]]:
    """All loss values that runs in a folder logged, by step; a step trained twice has one set."""
    losses: dict[int, set[tuple]] = {}
    for path in work_dir.glob("*/vis_data/scalars.json"):
        for line in path.read_text().splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # the line at which the process was killed
            values = tuple((k, v) for k, v in sorted(entry.items()) if "loss" in k or k == "lr")
            if "loss" in entry:
                losses.setdefault(entry["step"], set()).add(values)
    return losses


def final_state(work_dir: Path) -> dict[str, torch.Tensor]:
    """Weights and running means of the last checkpoint, moments of the optimizer with them."""
    content = read_checkpoint(work_dir / f"iter_{STEPS}.pth")
    moments = content["optimizer"]["state"]
    flat = {f"moment.{i}.{k}": torch.as_tensor(v) for i, s in moments.items() for k, v in s.items()}
    return {**content["state_dict"], **flat}


def train_with_kills(folder: Path, command: Callable[..., list[str]], *options: str) -> Outcome:
    """Compare a training that is killed over and over with one that is not."""
    whole, cut, generator = folder / "whole", folder / "cut", random.Random(0)
    options = (*CHECKPOINTS, *options)
    start("train", command(whole, STEPS, *options), folder / "whole.log").finish()
    seconds = duration_of_steps(whole)
    arguments = [*command(cut, STEPS, *options), "--resume"]
    for number in range(KILLS):
        process = start("train", arguments, folder / f"life_{number}.log")
        wait_and_kill(process, generator.uniform(0, 5 * seconds), cut)
    start("train", arguments, folder / "last.log").finish()
    compare_trainings(whole, cut)
    return Outcome(f"the same after {KILLS} kills in one training of {STEPS} steps", KILLS, KILLS)


def duration_of_steps(work_dir: Path) -> float:
    """Mean seconds of a step, from the log."""
    (path,) = work_dir.glob("*/vis_data/scalars.json")
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    times = [entry["time"] for entry in entries if "loss" in entry]
    return sum(times[2:]) / len(times[2:])


def wait_and_kill(process: Process, delay: float, work_dir: Path) -> None:
    """Kill a training some time after its first step was logged."""
    before = sum(len(values) for values in recorded_losses(work_dir).values())
    sizes = {path: path.stat().st_size for path in work_dir.glob("*/vis_data/scalars.json")}

    def began() -> bool:
        files = work_dir.glob("*/vis_data/scalars.json")
        return any(path.stat().st_size > sizes.get(path, 0) for path in files)

    if process.wait(900, until=began) is not None:
        raise DrillError(f"ended before it was killed, with {before} losses: {process.tail()}")
    time.sleep(delay)
    process.kill()


def compare_trainings(whole: Path, cut: Path) -> None:
    """Check that two work directories tell the same story.

    Raises:
        DrillError: a step or an entry that differs.
    """
    expected, seen = recorded_losses(whole), recorded_losses(cut)
    if sorted(seen) != list(range(1, STEPS + 1)):
        raise DrillError(f"steps {sorted(set(range(1, STEPS + 1)) - set(seen))} were not logged")
    different = [step for step in expected if seen[step] != expected[step]]
    if different:
        raise DrillError(f"losses of steps {different} differ")
    ours, theirs = final_state(cut), final_state(whole)
    wrong = [name for name in theirs if not torch.equal(ours[name], theirs[name])]
    if wrong:
        raise DrillError(f"{len(wrong)} entries of the last checkpoint differ, first {wrong[0]}")


def truncated_checkpoint(folder: Path) -> Outcome:
    """Cut the newest checkpoint, at several places, and resume."""
    hook = "default_hooks.checkpoint"
    options = (f"{hook}.interval=1", f"{hook}.max_keep_ckpts=2")
    start("train", sixdof_run(folder, 2, *options), folder / "first.log").finish()
    content = (folder / "iter_2.pth").read_bytes()
    shutil.copy(folder / "iter_1.pth", folder / "kept")
    for percent in CUTS:
        (folder / "iter_2.pth").write_bytes(content[: len(content) * percent // 100])
        shutil.copy(folder / "kept", folder / "iter_1.pth")
        command = [*sixdof_run(folder, 2, *options), "--resume"]
        output = start("train", command, folder / f"{percent}.log").finish()
        if "passed over" not in output or "iter_2.pth cannot be read" not in output:
            raise DrillError("the truncated checkpoint was not named")
        if "resumed epoch: 0, iter: 1" not in output:
            raise DrillError("training did not go on from iter_1.pth")
    return Outcome("iter_2.pth is named, training goes on from iter_1.pth", len(CUTS), len(CUTS))


def kills(fault: str, expected: str, check: Callable[[Path], Outcome], count: int) -> Case:
    """A case of killing."""
    injected = f"SIGKILL at {count} random moments, each time the same command again"
    return Case(fault, injected, expected, check)


FILES = "the files are those of an undisturbed run, byte for byte; nothing else is left"
CASES = [
    kills(
        "training of the detector is killed (ResumableIterLoop)",
        SAME,
        lambda folder: train_with_kills(folder, detector_run, *PLACED),
        KILLS,
    ),
    kills(
        "training of the 6DoF network is killed (mmengine's loop)",
        SAME,
        lambda folder: train_with_kills(folder, sixdof_run),
        KILLS,
    ),
    Case(
        "the newest checkpoint is truncated",
        f"cut to {', '.join(map(str, CUTS))} % of its bytes, then --resume",
        "it is named and passed over, training goes on from the one before",
        truncated_checkpoint,
    ),
    kills(
        "generation of a synthetic nuScenes is killed",
        FILES,
        lambda folder: tool_with_kills(folder, synthetic_nuscenes),
        TOOL_KILLS,
    ),
    kills(
        "generation of a synthetic BOP set is killed",
        FILES,
        lambda folder: tool_with_kills(folder, synthetic_bop),
        TOOL_KILLS,
    ),
    kills(
        "rendering of BOP scenes is killed",
        FILES,
        lambda folder: tool_with_kills(folder, rendered_bop),
        TOOL_KILLS,
    ),
    kills(
        "conversion to info files is killed",
        "the info files are complete and those of an undisturbed run",
        lambda folder: tool_with_kills(folder, info_files, ("*.pkl",)),
        TOOL_KILLS,
    ),
    kills(
        "a test is killed",
        "the results file is that of an undisturbed test; tested batches are not tested again",
        killed_test,
        TEST_KILLS,
    ),
]
