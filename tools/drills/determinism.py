"""The same seed gives the same bits on the CPU."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from .data import (
    DETECTOR,
    SIXDOF,
    bop_root,
    detector_run,
    nuscenes_root,
    read_checkpoint,
    sixdof_run,
)
from .detections import without_times
from .frame import Case, DrillError, Outcome
from .killed_tools import digest, rendered_bop, synthetic_nuscenes
from .launch import start
from .resume import PLACED, recorded_losses

STEPS = 20


def train_alike(folder: Path, command: Callable[..., list[str]]) -> Outcome:
    """Train 20 steps with 0, 1, 1 and 3 loader workers."""
    results = []
    for number, workers in enumerate((0, 1, 1, 3)):
        loader = [f"train_dataloader.num_workers={workers}"]
        loader += [f"train_dataloader.persistent_workers={workers > 0}"]
        work = folder / f"{number}"
        start("train", command(work, STEPS, *PLACED, *loader), folder / f"{number}.log").finish()
        state = read_checkpoint(work / f"iter_{STEPS}.pth")["state_dict"]
        results.append((recorded_losses(work), state))
    (losses, state), *others = results
    for other_losses, other_state in others:
        if other_losses != losses or len(losses) != STEPS:
            raise DrillError("losses differ")
        wrong = [name for name in state if not torch.equal(state[name], other_state[name])]
        if wrong:
            raise DrillError(f"{len(wrong)} entries of the state differ, first {wrong[0]}")
    return Outcome(
        f"{STEPS} steps and the final state are the same bits", len(results), len(results)
    )


def test_alike(folder: Path) -> Outcome:
    """Test both networks twice each."""
    runs = (
        (DETECTOR, detector_run, nuscenes_root(), "results_nusc.json"),
        (SIXDOF, sixdof_run, bop_root(), "results_bop.csv"),
    )
    for config, command, root, name in runs:
        place = folder / command.__name__
        start("train", command(place / "train", 1), place / "train.log").finish()
        texts = []
        for number in (0, 1):
            work = ["--data-root", root, "--work-dir", place / str(number)]
            arguments = [config, place / "train/iter_1.pth", *work]
            start("test", arguments, place / f"{number}.log").finish()
            texts.append(without_times((place / str(number) / name).read_text()))
        if texts[0] != texts[1]:
            raise DrillError(f"{name} differs")
    return Outcome("both results files are the same, character by character", 4, 4)


def generate_alike(
    folder: Path, make: Callable[[Path], tuple[str, list]], workers: Sequence[int]
) -> Outcome:
    """Generate the same with other numbers of workers."""
    found = []
    for number in workers:
        tool, arguments = make(folder / str(number))
        arguments = [*arguments, "--workers", str(number)]
        start(tool, arguments, folder / f"{number}.log").finish()
        found.append(digest(folder / str(number)))
    if any(files != found[0] for files in found):
        raise DrillError("files differ")
    return Outcome(f"{len(found[0])} files, the same bytes", len(found), len(found))


CASES = [
    Case(
        "training repeated: detector",
        "same seed, 0, 1, 1 and 3 loader workers",
        "the same losses and weights, bit for bit",
        lambda folder: train_alike(folder, detector_run),
    ),
    Case(
        "training repeated: 6DoF network",
        "same seed, 0, 1, 1 and 3 loader workers",
        "the same losses and weights, bit for bit",
        lambda folder: train_alike(folder, sixdof_run),
    ),
    Case("testing repeated", "each network twice", "the same results", test_alike),
    Case(
        "generation repeated: synthetic nuScenes",
        "1, 2 and 3 processes",
        "the same files, byte for byte",
        lambda folder: generate_alike(folder, synthetic_nuscenes, (1, 2, 3)),
    ),
    Case(
        "generation repeated: rendered BOP scenes",
        "1, 2 and 3 processes",
        "the same files, byte for byte",
        lambda folder: generate_alike(folder, rendered_bop, (1, 2, 3)),
    ),
]
