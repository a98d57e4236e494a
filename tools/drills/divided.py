"""Losses of a batch in parts, of processes or one after the other, against the whole one's."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from .frame import DrillError, Outcome
from .launch import start
from .ranks import start_two

STEPS = 5
TOLERANCE = 1e-4  # of a loss, or of one where the loss is below one; single precision, five steps
COMPARED = (
    "default_hooks.fixed.type=drills.fixed_sampling.FixedSampling",
    "default_hooks.record.type=drills.faults.StepRecord",
    "optim_wrapper.optimizer.type=SGD",
    "train_cfg.type=ResumableIterLoop",
    "train_dataloader.sampler.type=ResumableSampler",
    "train_dataloader.sampler.infinite=True",
)
BATCH = "train_dataloader.batch_size"


def steps(work_dir: Path, rank: int) -> list[dict]:
    """What a process recorded."""
    lines = (work_dir / f"steps_{rank}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def compare_losses(whole: Path, parts: Path, ranks: Sequence[int]) -> float:
    """Largest difference of any loss between one process and the mean of several.

    Raises:
        DrillError: other images, or a difference above the tolerance.
    """
    recorded = [steps(parts, rank) for rank in ranks]
    largest = 0.0
    for number, one in enumerate(steps(whole, 0)):
        several = [record[number] for record in recorded]
        images = sorted(name for each in several for name in each["images"])
        if images != sorted(one["images"]):
            raise DrillError(f"step {number}: images {images}, expected {sorted(one['images'])}")
        for name, value in one["losses"].items():
            mean = sum(each["losses"][name] for each in several) / len(several)
            difference = abs(mean - value) / max(abs(value), 1.0)
            largest = max(largest, difference)
            if difference > TOLERANCE:
                raise DrillError(f"step {number}: {name} is {mean}, expected {value}")
    return largest


def one_and_two(
    folder: Path, command: Callable[..., list[str]], batch: int, *options: str
) -> Outcome:
    """Train in one process and in two with half of the batch each."""
    options = (*COMPARED, *options)
    whole, parts = folder / "one", folder / "two"
    start("train", command(whole, STEPS, *options, f"{BATCH}={batch}"), folder / "one.log").finish()
    arguments = command(parts, STEPS, *options, f"{BATCH}={batch // 2}")
    for process in start_two("train", arguments, folder):
        process.finish()
    largest = compare_losses(whole, parts, (0, 1))
    return Outcome(f"largest relative difference of a loss {largest:.1e}", STEPS, STEPS)


def in_pieces(
    folder: Path, command: Callable[..., list[str]], batch: int, *options: str
) -> Outcome:
    """Train on whole batches and sample by sample."""
    options = (*COMPARED, *options, f"{BATCH}={batch}")
    whole, parts = folder / "whole", folder / "pieces"
    pieces = ("default_hooks.pieces.type=PiecewiseStepHook", "default_hooks.pieces.max_samples=1")
    start("train", command(whole, STEPS, *options), folder / "whole.log").finish()
    start("train", command(parts, STEPS, *options, *pieces), folder / "pieces.log").finish()
    largest = compare_losses(whole, parts, (0,))
    return Outcome(f"largest relative difference of a loss {largest:.1e}", STEPS, STEPS)
