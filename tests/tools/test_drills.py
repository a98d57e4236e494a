"""The record of the drills: rows, files, table."""

import importlib

import pytest

import drill
from drills.frame import (
    Case,
    DrillError,
    Outcome,
    merge_rows,
    read_rows,
    run_case,
    table,
    write_rows,
)


def make_case(check):
    return Case("power cut", "plug pulled", "light goes out", check)


def raise_(error):
    raise error


@pytest.mark.parametrize(
    ("check", "passed", "seen"),
    [
        (lambda folder: Outcome("dark", 3, 3), 3, "dark"),
        (lambda folder: raise_(DrillError("still light")), 0, "FAILED: still light"),
        (lambda folder: 1 / 0, 0, "FAILED: ZeroDivisionError: division by zero"),
    ],
)
def test_a_case_becomes_a_row(tmp_path, check, passed, seen):
    row = run_case(make_case(check), "pull", tmp_path)
    assert (row.passed, row.seen, row.command) == (passed, seen, "pull")
    path = tmp_path / "rows.json"
    write_rows(path, [row])
    assert read_rows(path) == [row]
    assert f"| {seen} | {passed} of {row.count} in" in table([row])


def test_a_row_of_another_shape_is_refused(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text('[{"fault": "x"}]')
    with pytest.raises(ValueError, match="rows.json: row 1 has"):
        read_rows(path)


def test_rows_follow_the_cases(tmp_path):
    first = make_case(lambda folder: Outcome("dark"))
    cases = [first, first._replace(injected="fuse blown"), first._replace(injected="gone case")]
    rows = [run_case(case, "pull", tmp_path) for case in cases]
    again = run_case(first._replace(check=lambda folder: Outcome("darker")), "pull", tmp_path)
    assert merge_rows(rows[::-1], again, cases[:2]) == [again, rows[1]]


def test_the_table_of_the_page_is_that_of_the_files():
    page = drill.PAGE.read_text()
    assert drill.page_with_table(page) == page, "python tools/drill.py --table writes it"


def test_every_record_belongs_to_a_case_of_its_drill():
    recorded = sorted(path.stem for path in drill.RECORDS.glob("*.json"))
    assert set(recorded) <= set(drill.drill_names())
    for name in recorded:
        cases = {case[:3] for case in importlib.import_module(f"drills.{name}").CASES}
        for row in read_rows(drill.RECORDS / f"{name}.json"):
            assert row.command == f"python tools/drill.py {name}"
            assert (row.fault, row.injected, row.expected) in cases
