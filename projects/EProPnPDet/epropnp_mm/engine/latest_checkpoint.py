"""The newest checkpoint of a work directory that can be read."""

import re
from pathlib import Path

from .checkpoint_check import CheckpointError, read_state

POINTER = "last_checkpoint"  # names the newest; mmengine writes it
NUMBERED = re.compile(r"(?:epoch|iter)_(\d+)\.pth")


def latest_checkpoint(work_dir: str | Path) -> tuple[Path | None, list[str]]:
    """Find what a training goes on from.

    Args:
        work_dir: folder with ``epoch_N.pth`` or ``iter_N.pth``.

    Returns:
        The newest readable checkpoint, None when there is none at all, and what is wrong with those
        that are newer.

    Raises:
        CheckpointError: there are some, but none can be read.
    """
    problems = []
    for path in candidates(Path(work_dir)):
        try:
            read_state(path)
        except CheckpointError as error:
            problems.append(str(error))
        else:
            return path, problems
    if problems:
        raise CheckpointError(
            f"no checkpoint in {work_dir} can be read; remove them to begin anew. "
            + "; ".join(problems)
        )
    return None, []


def candidates(work_dir: Path) -> list[Path]:
    """Existing checkpoints, newest first: the one the pointer names, then by number."""
    numbers = {path: NUMBERED.fullmatch(path.name) for path in work_dir.glob("*.pth")}
    found = sorted((int(match[1]), path) for path, match in numbers.items() if match)
    ordered = [path for _, path in reversed(found)]
    pointer = work_dir / POINTER
    named = Path(pointer.read_text().strip()) if pointer.is_file() else Path()
    first = [path for path in (named, work_dir / named.name) if path.is_file()][:1]
    return first + [path for path in ordered if path.name != named.name]
