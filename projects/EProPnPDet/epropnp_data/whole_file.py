"""Files that appear complete or not at all."""

import os
from collections.abc import Iterable
from pathlib import Path


def part_of(path: Path) -> Path:
    """Where this process writes a file, beside its place, before it is renamed."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def remove_left_parts(folder: Path) -> None:
    """Remove what processes that ended before they could rename it left in and below a folder."""
    for part in folder.rglob(".*.part"):
        process = part.name.split(".")[-2]
        if process.isdigit() and not _runs(int(process)):
            part.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)  # sends nothing
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # somebody else's
    return True


def write_text(path: Path, text: str) -> None:
    """Write beside the file, then rename; the folder is made where it is missing.

    Args:
        path: file to write; an older one stays until the new one is complete.
        text: its content.
    """
    write_parts(path, (text,))


def write_parts(path: Path, parts: Iterable[str]) -> None:
    """Write a text that is too long to be held as a whole; see `write_text`.

    Args:
        path: file to write.
        parts: of its content, in order; where making one fails, no file is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = part_of(path)
    try:
        with unfinished.open("w") as file:
            file.writelines(parts)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
