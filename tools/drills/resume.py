"""SIGKILL at random moments, then the same command again: nothing is lost, all is the same."""

import hashlib
import json
import random
import re
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from .data import DETECTOR, bop_root, detector_run, import_libraries, nuscenes_root, sixdof_run
from .frame import Case, DrillError, Outcome
from .launch import Process, start

KILLS, STEPS = 20, 100
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
    content = torch.load(work_dir / f"iter_{STEPS}.pth", weights_only=True)
    moments = content["optimizer"]["state"]
    flat = {f"moment.{i}.{k}": torch.as_tensor(v) for i, s in moments.items() for k, v in s.items()}
    return {**content["state_dict"], **flat}


def train_with_kills(folder: Path, command: Callable[..., list[str]], *options: str) -> Outcome:
    """Compare a training that is killed over and over with one that is not."""
    import_libraries()
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
    """Cut the newest checkpoint in the middle, at ten places, and resume."""
    import_libraries()
    options = ("default_hooks.checkpoint.interval=1",)
    start("train", sixdof_run(folder, 2, *options), folder / "first.log").finish()
    content = (folder / "iter_2.pth").read_bytes()
    shutil.copy(folder / "iter_1.pth", folder / "kept")
    for tenth in range(10):
        (folder / "iter_2.pth").write_bytes(content[: len(content) * tenth // 10])
        shutil.copy(folder / "kept", folder / "iter_1.pth")
        command = [*sixdof_run(folder, 2, *options), "--resume"]
        output = start("train", command, folder / f"{tenth}.log").finish()
        if "passed over" not in output or "iter_2.pth cannot be read" not in output:
            raise DrillError("the truncated checkpoint was not named")
        if "resumed epoch: 0, iter: 1" not in output:
            raise DrillError("training did not go on from iter_1.pth")
    return Outcome("iter_2.pth is named, training goes on from iter_1.pth", 10, 10)


def digest(folder: Path, names: Sequence[str] = ("**/*",)) -> dict[str, str]:
    """Hash of every file below a folder."""
    files = sorted({path for name in names for path in folder.glob(name) if path.is_file()})
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def tool_with_kills(
    folder: Path,
    make: Callable[[Path], tuple[str, list]],
    kills: int,
    names: Sequence[str] = ("**/*",),
) -> Outcome:
    """Compare what a tool that is killed over and over writes with what it writes undisturbed."""
    import_libraries()
    whole, cut, generator = folder / "whole", folder / "cut", random.Random(1)
    tool, arguments = make(whole)
    begin = time.monotonic()
    start(tool, arguments, folder / "whole.log").finish()
    seconds = time.monotonic() - begin
    tool, arguments = make(cut)
    killed = 0
    for number in range(kills):
        process = start(tool, arguments, folder / f"{number}.log")
        end = time.monotonic() + generator.uniform(0, seconds)
        process.wait(seconds + 60, until=lambda end=end: time.monotonic() > end)
        killed += process.poll() is None
        process.kill()
    start(tool, arguments, folder / "last.log").finish()
    expected, seen = digest(whole, names), digest(cut, names)
    if not expected or seen != expected:
        wrong = sorted(k for k in {*expected, *seen} if expected.get(k) != seen.get(k))
        raise DrillError(f"{len(wrong)} of {len(expected)} files differ, first {wrong[:1]}")
    left = [path.name for path in folder.rglob("*") if ".part" in path.name]
    if left:
        raise DrillError(f"left over: {left}")
    return Outcome(f"{len(expected)} files, all the same after {killed} kills", killed, killed)


def synthetic_nuscenes(root: Path) -> tuple[str, list]:
    """Generate four keyframes."""
    sizes = ["--scenes", "2", "--samples-per-scene", "1", "--image-scale", "0.07"]
    return "create_synthetic_nuscenes", [root, *sizes, "--workers", "1"]


def synthetic_bop(root: Path) -> tuple[str, list]:
    """Generate a small BOP set."""
    return "create_synthetic_bop", [root, "--train-images", "8", "--test-images", "4"]


def rendered_bop(root: Path) -> tuple[str, list]:
    """Render scenes of the models of the small BOP set."""
    camera = ["--intrinsics", "100", "100", "64", "48", "--image-size", "128", "96"]
    counts = ["--train-images", "4", "--val-images", "1", "--workers", "1"]
    return "create_rendered_bop", [bop_root() / "models", root, *camera, *counts]


def info_files(root: Path) -> tuple[str, list]:
    """Convert the tables of the small nuScenes, copied without its info files."""
    if not root.exists():
        ignore = shutil.ignore_patterns("*.pkl")
        shutil.copytree(nuscenes_root(), root, ignore=ignore)
    return "create_data", ["nuscenes", "--root-path", root, "--version", "v1.0-mini"]


def killed_test(folder: Path) -> Outcome:
    """Kill a test of 12 batches; what was tested must not be tested again."""
    import_libraries()
    start("train", detector_run(folder / "train", 1), folder / "train.log").finish()

    def command(root: Path) -> tuple[str, list]:
        where = ["--data-root", nuscenes_root(), "--work-dir", root]
        options = ["test_dataloader.batch_size=1", "model.test_cfg.min_fcos_score=0.0"]
        options += ["model.test_cfg.max_obj_per_img=8"]
        return "test", [DETECTOR, folder / "train/iter_1.pth", *where, "--cfg-options", *options]

    outcome = tool_with_kills(folder, command, 10, ("results_nusc.json",))
    before = re.search(r"(\d+) of 12 batches were tested before", (folder / "last.log").read_text())
    if before is None:
        raise DrillError("no kept result was used again")
    return outcome._replace(seen=f"{outcome.seen}; {before[1]} of 12 batches used again")


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
        "cut to 0, 10, ... 90 % of its bytes, then --resume",
        "it is named and passed over, training goes on from the one before",
        truncated_checkpoint,
    ),
    kills(
        "generation of a synthetic nuScenes is killed",
        FILES,
        lambda folder: tool_with_kills(folder, synthetic_nuscenes, 5),
        5,
    ),
    kills(
        "generation of a synthetic BOP set is killed",
        FILES,
        lambda folder: tool_with_kills(folder, synthetic_bop, 20),
        20,
    ),
    kills(
        "rendering of BOP scenes is killed",
        FILES,
        lambda folder: tool_with_kills(folder, rendered_bop, 20),
        20,
    ),
    kills(
        "conversion to info files is killed",
        "the info files are complete and those of an undisturbed run",
        lambda folder: tool_with_kills(folder, info_files, 10, ("*.pkl",)),
        10,
    ),
    kills(
        "a test is killed",
        "the results file is that of an undisturbed test; tested batches are not tested again",
        killed_test,
        10,
    ),
]
