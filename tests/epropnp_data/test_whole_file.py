"""A file is complete or as it was."""

import subprocess
import sys

import pytest

from epropnp_data.whole_file import part_of, remove_left_parts, write_parts, write_text


def test_a_file_is_replaced_and_nothing_stays_beside_it(tmp_path):
    path = tmp_path / "new" / "scores.json"
    write_text(path, "one")
    write_text(path, "two")
    assert path.read_text() == "two"
    assert list(path.parent.iterdir()) == [path]


def test_what_was_there_stays_when_writing_fails(tmp_path):
    path = tmp_path / "scores.json"
    write_text(path, "one")

    def cut_short():
        yield "t"
        raise OSError("disk is full")

    with pytest.raises(OSError, match="full"):
        write_parts(path, cut_short())
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_parts_of_processes_that_ended_are_removed(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "maps").mkdir()
    mine = part_of(tmp_path / "maps" / "a.npz")
    left = mine.with_name(f".b.npz.{ended.pid}.part")
    others = [tmp_path / name for name in ("maps/c.npz", "maps/.part", ".d.x.part", "e.1.part")]
    for path in (mine, left, *others):
        path.write_text("half")
    remove_left_parts(tmp_path)
    assert not left.exists()
    assert all(path.exists() for path in (mine, *others))
    remove_left_parts(tmp_path / "nothing here")
