"""Folders that appear complete or not at all, and remember the settings they were made with."""

from __future__ import annotations

import json
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
def staged(out: Path, settings: Mapping[str, object]) -> Iterator[Path]:
    """Folder to fill; it becomes ``out`` when the block ends without an error."""
    out = out.resolve()
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    (partial / MARKER).write_text(_text(settings))
    if out.exists():
        out.rmdir()
    partial.rename(out)


def _text(settings: Mapping[str, object]) -> str:
    """As in the marker, where tuples are lists."""
    return json.dumps(dict(settings), indent=2)
