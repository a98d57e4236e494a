"""A file is complete or as it was."""

from pathlib import Path

import pytest

from epropnp_data.whole_file import write_text


def test_a_file_is_replaced_and_nothing_stays_beside_it(tmp_path):
    path = tmp_path / "new" / "scores.json"
    write_text(path, "one")
    write_text(path, "two")
    assert path.read_text() == "two"
    assert list(path.parent.iterdir()) == [path]


def test_what_was_there_stays_when_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "scores.json"
    write_text(path, "one")
    write = Path.write_text

    def cut_short(part, text):
        write(part, text[:1])
        raise OSError("disk is full")

    monkeypatch.setattr(Path, "write_text", cut_short)
    with pytest.raises(OSError, match="full"):
        write_text(path, "two")
    assert path.read_text() == "one"
