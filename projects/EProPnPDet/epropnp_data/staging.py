"""Folders that appear complete or not at all, and remember the settings they were made with."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

MARKER = "made_with.json"


def settings_of(out: Path) -> dict[str, object] | None:
    """Settings that ``out`` was made with; None when it is not a folder made by `staged`."""
    marker = out / MARKER
    return json.loads(marker.read_text()) if marker.is_file() else None


def remove_generated(out: Path) -> None:
    """Delete ``out`` if a generator made it; real samples and other folders are left alone."""
    if "generator" in (settings_of(out) or {}):
        shutil.rmtree(out)


def is_finished(out: Path, settings: Mapping[str, object]) -> bool:
    """Whether ``out`` was made with exactly these settings; False when it is absent or empty.

    Raises:
        FileExistsError: ``out`` holds something else.
    """
    if not out.exists() or not any(out.iterdir()):
        return False
    advice = "choose another folder, or remove this one to make it anew"
    found, settings = settings_of(out), json.loads(_text(settings))
    if found is None:
        raise FileExistsError(f"{out} has files in it but no {MARKER}; {advice}")
    if found == settings:
        return True
    keys = [key for key in {**found, **settings} if found.get(key) != settings.get(key)]
    differences = "; ".join(f"{k}: there {found.get(k)}, asked {settings.get(k)}" for k in keys)
    raise FileExistsError(f"{out} was made with other settings ({differences}); {advice}")


@contextmanager
def unfinished(out: Path) -> Iterator[Path]:
    """Folder beside ``out`` for unfinished work, which this process alone may touch.

    What an interrupted run left in it is still there.

    Raises:
        FileExistsError: another process is making ``out``.
    """
    out = out.resolve()
    partial = out.with_name(out.name + ".partial")
    handle = _lock(partial)
    try:
        yield partial
    finally:
        os.close(handle)


@contextmanager
def staged(out: Path, settings: Mapping[str, object]) -> Iterator[Path]:
    """Empty folder to fill; it becomes ``out`` when the block ends without an error.

    Raises:
        FileExistsError: another process is making ``out``.
    """
    with unfinished(out) as partial:
        clear(partial)
        yield partial
        (partial / MARKER).write_text(_text(settings))
        publish(partial, out)


def publish(partial: Path, out: Path) -> None:
    """Let complete work appear as ``out``, which is absent or empty."""
    out = out.resolve()
    if out.exists():
        out.rmdir()
    partial.rename(out)


def _lock(folder: Path) -> int:
    """Descriptor of a locked folder, made if need be; the lock ends with it."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise FileExistsError(
                f"another process is working in {folder}; wait until it ends, then run this again"
            ) from None
        if folder.exists() and os.path.samestat(os.fstat(handle), folder.stat()):
            return handle
        os.close(handle)  # it was published between opening and locking


def clear(folder: Path) -> None:
    """Remove all that is in a folder."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _text(settings: Mapping[str, object]) -> str:
    """As in the marker, where tuples are lists."""
    return json.dumps(dict(settings), indent=2)
