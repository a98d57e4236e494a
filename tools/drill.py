#!/usr/bin/env python
"""Run a reliability drill: ``python tools/drill.py NAME``; without a name, list them.

Writes ``docs/reliability/NAME.json`` and the table of ``docs/reliability.md``. The exit code is 1
when something did not happen as expected. ``--only TEXT`` runs the cases whose fault contains the
text and keeps the other rows; ``--table`` writes the table from the files alone.
"""

import argparse
import importlib
import re
import shutil
import sys
import tempfile
from pathlib import Path

from drills.frame import Row, merge_rows, read_rows, run_case, table, write_rows

REPO = Path(__file__).resolve().parents[1]
RECORDS = REPO / "docs/reliability"
PAGE = REPO / "docs/reliability.md"
SECTION = re.compile(r"(?<=<!-- drills -->\n).*(?=<!-- end of drills -->)", re.DOTALL)


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description="Run a reliability drill")
    parser.add_argument(
        "name", nargs="?", choices=drill_names(), help="of a module in tools/drills"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose fault contains it")
    parser.add_argument("--table", action="store_true", help="write the table, run nothing")
    parser.add_argument("--keep", type=Path, help="leave the files of the cases in this folder")
    return parser.parse_args()


def drill_names() -> list[str]:
    """Modules of the package that are drills: they assign ``CASES``."""
    modules = sorted(Path(__file__).with_name("drills").glob("*.py"))
    return [path.stem for path in modules if re.search(r"^CASES\b", path.read_text(), re.M)]


def page_with_table(page: str) -> str:
    """The page with the tables of all recorded drills, one section each."""
    parts = []
    for path in sorted(RECORDS.glob("*.json")):
        summary = importlib.import_module(f"drills.{path.stem}").__doc__.splitlines()[0]
        parts.append(f"### {path.stem}\n\n{summary}\n\n{table(read_rows(path))}\n\n")
    text = "\n" + "".join(parts)
    return SECTION.sub(lambda match: text, page)


def write_table() -> None:
    """Bring the table of the page up to date."""
    PAGE.write_text(page_with_table(PAGE.read_text()))


def run_cases(name: str, only: str, keep: Path | None) -> list[Row]:
    """Run cases one after the other; each row is kept as soon as it is there."""
    cases = importlib.import_module(f"drills.{name}").CASES
    chosen = [case for case in cases if only in case.fault]
    if not chosen:
        sys.exit(f"--only: no fault of {name} contains {only!r}")
    path, command, done = RECORDS / f"{name}.json", f"python tools/drill.py {name}", []
    for number, case in enumerate(chosen, start=1):
        print(f"[{number}/{len(chosen)}] {case.fault}: {case.injected}", flush=True)
        with tempfile.TemporaryDirectory(prefix="drill-") as scratch:
            folder = Path(scratch) if keep is None else keep / str(number)
            if keep is not None:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
            row = run_case(case, command, folder)
        print(f"      {row.passed} of {row.count} in {row.seconds} s: {row.seen}", flush=True)
        write_rows(path, merge_rows(read_rows(path) if path.exists() else [], row, cases))
        done.append(row)
    return done


def main() -> None:
    """Run the drill."""
    args = parse_args()
    if args.name is None and not args.table:
        for name in drill_names():
            print(f"{name:16s} {importlib.import_module(f'drills.{name}').__doc__.splitlines()[0]}")
        return
    rows = run_cases(args.name, args.only, args.keep) if args.name and not args.table else []
    write_table()
    sys.exit(1 if any(row.passed != row.count for row in rows) else 0)


if __name__ == "__main__":
    main()
