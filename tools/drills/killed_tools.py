"""Tools that make files, killed over and over, against the same tools left alone."""

import hashlib
import random
import re
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .data import DETECTOR, bop_root, detector_run, nuscenes_root
from .frame import DrillError, Outcome
from .launch import Process, start

TOOL_KILLS = 10  # of tools that make data
TEST_KILLS = 5
PARTIAL = "partial_results/*.pt"


def digest(folder: Path, names: Sequence[str] = ("**/*",)) -> dict[str, str]:
    """Hash of every file below a folder."""
    files = sorted({path for name in names for path in folder.glob(name) if path.is_file()})
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def compare_folders(whole: Path, cut: Path, names: Sequence[str]) -> int:
    """Number of files in a folder, which have to be those of another one, and no others.

    Raises:
        DrillError: a file that differs, or one that a killed run left.
    """
    expected, seen = digest(whole, names), digest(cut, names)
    if not expected or seen != expected:
        wrong = sorted(k for k in {*expected, *seen} if expected.get(k) != seen.get(k))
        raise DrillError(f"{len(wrong)} of {len(expected)} files differ, first {wrong[:1]}")
    left = [path.name for path in cut.rglob("*") if ".part" in path.name]
    if left:
        raise DrillError(f"left over: {left}")
    return len(expected)


def count_files(folder: Path, pattern: str) -> int:
    """Number of files of a pattern; none of an empty one."""
    return sum(1 for _ in folder.glob(pattern)) if pattern else 0


def duration(tool: str, arguments: Sequence[str | Path], log: Path) -> float:
    """Seconds of a whole run of a tool."""
    begin = time.monotonic()
    start(tool, arguments, log).finish()
    return time.monotonic() - begin


def killed_later(process: Process, delay: float, began: Callable[[], bool]) -> bool:
    """Kill a process some time after something is the case; False if it ended before."""
    process.wait(900, until=began)
    end = time.monotonic() + delay
    if process.wait(delay + 60, until=lambda: time.monotonic() > end) is not None:
        return False
    process.kill()
    return True


def tool_with_kills(
    folder: Path,
    make: Callable[[Path], tuple[str, list]],
    names: Sequence[str] = ("**/*",),
    kills: int = TOOL_KILLS,
    kept: str = "",
) -> Outcome:
    """Compare what a tool that is killed over and over writes with what it writes undisturbed.

    A run that ends before its time is compared as well, and the next one begins with nothing. No
    run is killed while it loads libraries, which takes as long as ``--help``.

    Args:
        folder: empty.
        make: tool and arguments for an output folder.
        names: patterns of the files that are compared.
        kills: to be made.
        kept: pattern of files of which each run adds one before it is killed.
    """
    whole, cut, generator = folder / "whole", folder / "cut", random.Random(1)
    tool, arguments = make(whole)
    seconds = duration(tool, arguments, folder / "whole.log")
    imports = duration(tool, ["--help"], folder / "help.log")
    killed = lives = 0
    while killed < kills:
        before = count_files(cut, kept)
        process = start(*make(cut), folder / f"life_{lives:02d}.log")
        shortest, longest = (0, (seconds - imports) / 20) if kept else (imports, seconds)
        delay = generator.uniform(shortest, longest)
        lives += 1
        if killed_later(process, delay, lambda k=before: not kept or count_files(cut, kept) > k):
            killed += 1
        else:
            process.finish()
            compare_folders(whole, cut, names)
            shutil.rmtree(cut)
    start(*make(cut), folder / f"life_{lives:02d}.log").finish()
    count = compare_folders(whole, cut, names)
    ends = lives - killed + 1
    return Outcome(f"{killed} kills, {ends} ends: {count} files, all the same", killed, killed)


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
    start("train", detector_run(folder / "train", 1), folder / "train.log").finish()

    def command(root: Path) -> tuple[str, list]:
        where = ["--data-root", nuscenes_root(), "--work-dir", root]
        options = ["test_dataloader.batch_size=1", "model.test_cfg.min_fcos_score=0.0"]
        options += ["model.test_cfg.max_obj_per_img=8"]
        return "test", [DETECTOR, folder / "train/iter_1.pth", *where, "--cfg-options", *options]

    outcome = tool_with_kills(folder, command, ("results_nusc.json",), TEST_KILLS, PARTIAL)
    texts = [path.read_text() for path in folder.glob("life_*.log")]
    used = [int(n) for text in texts for n in re.findall(r"(\d+) of 12 batches were tested", text)]
    if not used:
        raise DrillError("no kept result was used again")
    again = f"{len(used)} runs took over {min(used)} to {max(used)} of 12 batches"
    return outcome._replace(seen=f"{outcome.seen}; {again}")
