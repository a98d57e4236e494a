"""What a drill is: faults injected one after the other, each with a row for the record.

A drill is a module of this package with a docstring and ``CASES``, a sequence of `Case`. The
command ``python tools/drill.py NAME`` runs it and writes ``docs/reliability/NAME.json``.
"""

import json
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

COLUMNS = ("fault", "how injected", "expected", "seen", "count", "command")


class DrillError(RuntimeError):
    """What was expected did not happen; the message says what did."""


class Outcome(NamedTuple):
    """What one case saw.

    Attributes:
        seen: one plain sentence.
        count: injections made.
        passed: injections after which the expected happened.
    """

    seen: str
    count: int = 1
    passed: int = 1


class Case(NamedTuple):
    """One fault.

    Attributes:
        fault: what goes wrong.
        injected: how the drill makes it go wrong.
        expected: what has to happen.
        check: does it in an empty folder; a `DrillError` is a failure that was noticed.
    """

    fault: str
    injected: str
    expected: str
    check: Callable[[Path], Outcome]


@dataclass(frozen=True)
class Row:
    """A case with its outcome, as it is kept in ``docs/reliability``."""

    fault: str
    injected: str
    expected: str
    seen: str
    count: int
    passed: int
    command: str
    seconds: float


def run_case(case: Case, command: str, folder: Path) -> Row:
    """Run a case; one that raises counts as failed, with its message as what was seen."""
    start = time.monotonic()
    try:
        outcome = case.check(folder)
    except DrillError as error:
        outcome = Outcome(f"FAILED: {error}", 1, 0)
    except Exception as error:  # a drill ends with a table, whatever happens
        traceback.print_exc()
        outcome = Outcome(f"FAILED: {type(error).__name__}: {error}", 1, 0)
    seconds = round(time.monotonic() - start, 1)
    return Row(*case[:3], *outcome, command=command, seconds=seconds)


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as JSON; the file appears complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False) + "\n")
    part.replace(path)


def read_rows(path: Path) -> list[Row]:
    """Rows of a file.

    Raises:
        ValueError: naming the file, when it holds something else.
    """
    names = {field.name for field in fields(Row)}
    content = json.loads(path.read_text())
    for number, entry in enumerate(content, start=1):
        if set(entry) != names:
            raise ValueError(f"{path}: row {number} has {sorted(entry)}, expected {sorted(names)}")
    return [Row(**entry) for entry in content]


def merge_rows(old: Sequence[Row], new: Row, cases: Sequence[Case]) -> list[Row]:
    """Rows of a drill's cases in their order, with a new one in place of the one it repeats."""
    kept = {(row.fault, row.injected): row for row in [*old, new]}
    return [kept[case[:2]] for case in cases if case[:2] in kept]


def table(rows: Iterable[Row]) -> str:
    """Rows as a Markdown table."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for row in rows:
        count = f"{row.passed} of {row.count} in {row.seconds:g} s"
        cells = (row.fault, row.injected, row.expected, row.seen, count, f"`{row.command}`")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)
