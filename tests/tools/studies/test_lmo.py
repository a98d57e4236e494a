"""Rows of LM-O scores and their table."""

import json

import pytest

from studies.lmo import HEADS, lmo_table, scores_row
from studies.rows import add_new_row, read_rows


@pytest.fixture
def row(tmp_path):
    def make(model, recall, settings="a config"):
        path = tmp_path / "scores_6dof.json"
        path.write_text(json.dumps({"mean": dict.fromkeys(HEADS, 1.0) | {"AR_MSPD": recall}}))
        return scores_row(model, path, settings, "cpu", {"train": 90.0, "test": 30.0})

    return make


def test_a_repeated_run_adds_no_row(row, tmp_path):
    assert add_new_row(row("epropnp", 40.0), tmp_path)
    assert not add_new_row(row("epropnp", 40.0), tmp_path)
    assert add_new_row(row("epropnp", 41.0), tmp_path)
    assert add_new_row(row("epropnp", 40.0, "another"), tmp_path)
    assert len(read_rows("lmo", tmp_path)) == 3


def test_table_has_the_newest_row_of_each_network(row):
    rows = [row("epropnp", 40.0), row("ransac", 30.0), row("epropnp", 45.5)]
    lines = lmo_table(rows).splitlines()
    assert len(lines) == 4
    assert "| 30.0 |" in lines[2]
    assert "| 45.5 |" in lines[3]
    assert "| 2, " in lines[3]
    assert lmo_table([]) == ""
