"""Damaged files of every kind: each is read or refused by a message, none ends in another error."""

import json
import multiprocessing
import os
import resource
import traceback
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from .frame import Case, DrillError, Outcome
from .mutations import mutate

COUNT = 1000  # damaged files of each kind
MEMORY = 6 << 30  # bytes that a reader may ask for
SEED = 0
KINDS = (
    "JPEG",
    "PNG",
    "WebP",
    "TIFF",
    "info file",
    "side file",
    "nuScenes table",
    "nuScenes results",
    "real samples",
    "BOP cameras",
    "BOP poses",
    "BOP boxes",
    "BOP models",
    "PLY mesh",
    "BOP detections",
    "BOP targets",
    "BOP results",
    "frame list",
    "camera file",
    "camera matrix",
    "calibration",
    "results header",
    "results record",
    "results arrays",
    "checkpoint",
    "old checkpoint",
    "wheel",
)


def read_damaged(kind: str, folder: Path, count: int, seed: int) -> Iterator[str]:
    """Read damaged files of a kind; what became of each.

    Yields:
        ``read``, ``refused``, or the traceback of another error.
    """
    from .parsers import PARSERS  # loads all libraries

    parser = PARSERS[kind]
    parser.make(folder)
    path = folder / parser.file
    whole = path.read_bytes()
    parser.read(folder)
    for number in range(count):
        path.write_bytes(mutate(whole, np.random.default_rng([seed, number])))
        try:
            parser.read(folder)
        except parser.refused as error:
            yield "refused" if str(error).strip() else f"{number}: refused without a message"
        except Exception:
            yield f"{number}: {traceback.format_exc()}"
        else:
            yield "read"


def write_report(report: Path, kind: str, folder: Path, count: int) -> None:
    """What the process of `run_apart` does."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries complain there
    report.write_text(json.dumps(list(read_damaged(kind, folder, count, SEED))))


def run_apart(kind: str, folder: Path, count: int) -> list[str]:
    """`read_damaged` in a fresh process, whose end is an outcome as well.

    Raises:
        DrillError: the reader brought the whole process down.
    """
    report = folder.with_name(f"{folder.name}-report.json")
    context = multiprocessing.get_context("spawn")  # see `drills.launch`
    child = context.Process(target=write_report, args=(report, kind, folder, count))
    child.start()
    child.join()
    if child.exitcode != 0 or not report.is_file():
        raise DrillError(f"the reader of {kind} ended the process (status {child.exitcode})")
    found = json.loads(report.read_text())
    report.unlink()
    return found


def check(kind: str, folder: Path) -> Outcome:
    """Read damaged files of a kind."""
    found = run_apart(kind, folder, COUNT)
    wrong = [item for item in found if item not in ("read", "refused")]
    seen = f"{found.count('refused')} refused, {found.count('read')} read as something valid"
    if wrong:
        seen = f"FAILED: {len(wrong)} other errors, the first: {wrong[0].splitlines()[-1]}"
        print(wrong[0])
    return Outcome(seen, len(found), len(found) - len(wrong))


CASES = [
    Case(
        f"damaged {kind}",
        "cut, flipped, overwritten, removed, repeated bytes and other values, one to three each",
        "read, or refused by a message",
        partial(check, kind),
    )
    for kind in KINDS
]
