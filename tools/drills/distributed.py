"""Two processes on the CPU give what one gives, and end together."""

import time
from pathlib import Path

from .data import (
    bop_root,
    detector_run,
    nuscenes_root,
    sixdof_run,
)
from .detections import same_detections
from .divided import BATCH, STEPS, in_pieces, one_and_two, steps
from .frame import Case, DrillError, Outcome
from .ranks import run_script, start_two

EVERY_POINT = "model.bbox_head.criterion.object_sampler.type=drills.fixed_sampling.EveryPoint"
TEST_BATCH = "test_dataloader.batch_size=2"
ALL_DETECTIONS = (  # also the unlikely ones of a network without training
    TEST_BATCH,
    "model.test_cfg.min_fcos_score=0.0",
    "model.test_cfg.max_obj_per_img=8",
)


def detector_alike(work_dir: Path, count: int, *options: str) -> list[str]:
    """The detector with all points of its objects."""
    return detector_run(work_dir, count, *options, EVERY_POINT)


def sixdof_alike(work_dir: Path, count: int, *options: str) -> list[str]:
    """The 6DoF network with points that determine a pose."""
    return sixdof_run(
        work_dir, count, *options, "default_hooks.spread.type=drills.fixed_sampling.SpreadPoints"
    )


def objects_per_image() -> list[int]:
    """Annotations of each image that training would see without its filter for empty ones."""
    from mmdet3d.registry import DATASETS
    from mmengine.registry import init_default_scope

    import epropnp_det  # noqa: F401 - registers the data set

    init_default_scope("mmdet3d")
    root = str(nuscenes_root())
    settings = dict(type="NuScenesMonoDataset", data_root=root, ann_file="nuscenes_infos_train.pkl")
    dataset = DATASETS.build(dict(**settings, filter_empty_gt=False))
    return [len(dataset.get_data_info(k)["annotations"]) for k in range(len(dataset))]


def without_objects(folder: Path) -> Outcome:
    """One process gets images with objects only, the other images without any."""
    counts = objects_per_image()
    rich = max(range(len(counts)), key=counts.__getitem__)
    empty = counts.index(0)
    options = (
        f"train_dataloader.dataset.indices=[{rich},{empty}]",
        "train_dataloader.dataset.filter_empty_gt=False",
        "train_dataloader.sampler.shuffle=False",
    )
    outcome = one_and_two(folder, detector_alike, 2, *options)
    return outcome._replace(seen=f"{counts[rich]} objects and 0: {outcome.seen}")


def uneven_epochs(folder: Path) -> Outcome:
    """Three images for two processes, three epochs."""
    options = (
        "default_hooks.record.type=drills.faults.StepRecord",
        "train_cfg._delete_=True",
        "train_cfg.type=ResumableEpochLoop",
        "train_cfg.max_epochs=3",
        "train_dataloader.dataset.indices=3",
        "train_dataloader.sampler.type=ResumableSampler",
        f"{BATCH}=1",
    )
    arguments = [word for word in detector_run(folder / "work", 1) if "max_iters" not in word]
    for process in start_two("train", [*arguments, *options], folder):
        process.finish(900)
    counts = [len(steps(folder / "work", rank)) for rank in (0, 1)]
    if counts != [6, 6]:
        raise DrillError(f"steps {counts}, expected 6 and 6")
    return Outcome("6 steps in each process, the fourth image is the first again", 3, 3)


def refused_shards(folder: Path) -> Outcome:
    """A sampler that does not fill up."""
    options = (
        "train_dataloader.dataset.indices=3",
        "train_dataloader.sampler.type=DefaultSampler",
        "train_dataloader.sampler.round_up=False",
        f"{BATCH}=1",
    )
    processes = start_two("train", detector_run(folder / "work", 4, *options), folder)
    codes = [process.wait(900) for process in processes]
    text = processes[0].output()
    if codes != [2, 2] or "[2, 1] batches per epoch" not in text:
        raise DrillError(f"exit codes {codes}: {processes[0].tail()}")
    return Outcome("exit code 2, 'the processes have [2, 1] batches per epoch ...'")


def process_fails(folder: Path, kind: str, expected: str) -> Outcome:
    """Let the second process fail at its third step under tools/dist_train.sh."""
    work = folder / "work"
    fault = (f"kind={kind}", "rank=1", "step=2", "type=drills.faults.ProcessFault")
    options = (
        "default_hooks.record.type=drills.faults.StepRecord",
        *(f"default_hooks.fault.{setting}" for setting in fault),
    )
    config, *arguments = detector_run(work, 1000, *options)
    code, output = run_script("dist_train", config, "2", *arguments)
    if code == 0 or expected not in output:
        raise DrillError(f"exit code {code}, {expected!r} is missing: {output[-300:]}")
    seconds = time.time() - (work / "steps_1.jsonl").stat().st_mtime
    if seconds > 60:
        raise DrillError(f"the other process went on for {seconds:.0f} s")
    return Outcome(f"all ended {seconds:.0f} s after its last step; console: {expected!r}")


SAME = f"losses of {STEPS} steps differ by rounding only"
FIXED = "fixed sampling, SGD, batches of 4 in one process and of 2 in two"
SPREAD = ", coordinates spread out by a factor on the last layer"
TESTED = "batches of 2, one process, and two by tools/dist_test.sh"
CASES = [
    Case(
        "detector in two processes",
        FIXED,
        SAME,
        lambda folder: one_and_two(folder, detector_alike, 4),
    ),
    Case(
        "6DoF network in two processes",
        FIXED + SPREAD,
        SAME,
        lambda folder: one_and_two(folder, sixdof_alike, 4),
    ),
    Case(
        "a process without objects",
        "one process gets the image with most objects, the other one without any",
        SAME + "; no process waits, no unused parameter is reported",
        without_objects,
    ),
    Case(
        "no image left at the end of an epoch",
        "3 images, 2 processes, 3 epochs",
        "shards are filled up, all processes make the same steps",
        uneven_epochs,
    ),
    Case(
        "shards of different length",
        "DefaultSampler(round_up=False) with 3 images and 2 processes",
        "refused before the first step",
        refused_shards,
    ),
    Case(
        "a process is killed",
        "SIGKILL to the second process at its third step, tools/dist_train.sh",
        "the other one ends within a minute, the console says so",
        lambda folder: process_fails(folder, "kill", "SIGKILL"),
    ),
    Case(
        "an error in one process",
        "OSError in the second process at its third step, tools/dist_train.sh",
        "its message reaches the console, the other process ends within a minute",
        lambda folder: process_fails(folder, "raise", "drill: process 1 fails at step 2"),
    ),
    Case(
        "detector tested by two processes",
        TESTED,
        "the results file is identical",
        lambda folder: same_detections(
            folder, detector_run, nuscenes_root(), "results_nusc.json", *ALL_DETECTIONS
        ),
    ),
    Case(
        "6DoF network tested by two processes",
        TESTED,
        "the results file is identical but for the times",
        lambda folder: same_detections(
            folder, sixdof_run, bop_root(), "results_bop.csv", TEST_BATCH
        ),
    ),
    Case(
        "detector on a small card",
        "fixed sampling, SGD, batches of 4 whole and image by image (PiecewiseStepHook)",
        SAME,
        lambda folder: in_pieces(folder, detector_alike, 4),
    ),
    Case(
        "6DoF network on a small card",
        "fixed sampling, SGD, batches of 4 whole and crop by crop (PiecewiseStepHook)" + SPREAD,
        SAME,
        lambda folder: in_pieces(folder, sixdof_alike, 4),
    ),
]
