"""Results files of a test by one process against those of a test by two."""

from collections.abc import Callable
from pathlib import Path

from .frame import DrillError, Outcome
from .launch import start
from .ranks import run_script


def same_detections(
    folder: Path, command: Callable[..., list[str]], root: Path, name: str, *options: str
) -> Outcome:
    """Test a network after one step with one process and, by tools/dist_test.sh, with two."""
    start("train", command(folder / "train", 1), folder / "train.log").finish()
    files = [command(folder, 1)[0], folder / "train/iter_1.pth"]
    alone, both = (
        ["--data-root", root, "--work-dir", folder / part, "--cfg-options", *options]
        for part in ("one", "two")
    )
    start("test", [*files, *alone], folder / "one.log").finish()
    code, output = run_script("dist_test", *files, "2", *both)
    if code != 0:
        raise DrillError(f"exit code {code}: {output[-300:]}")
    texts = [without_times((folder / part / name).read_text()) for part in ("one", "two")]
    if texts[0] != texts[1]:
        raise DrillError(f"{name} differs")
    lines = texts[0].count("detection_score") or texts[0].count("\n") - 1
    if not lines:
        raise DrillError(f"{name} holds nothing")
    return Outcome(f"{name} with {lines} results is the same, character by character")


def without_times(text: str) -> str:
    """A BOP result file without the seconds in its last column."""
    if not text.startswith("scene_id"):
        return text
    return "".join(line.rsplit(",", 1)[0] + "\n" for line in text.splitlines())
