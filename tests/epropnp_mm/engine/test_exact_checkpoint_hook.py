"""Checkpoints are whole or not there."""

import errno
from pathlib import Path

import pytest
import torch

from epropnp_mm.engine import CheckpointError, latest_checkpoint
from epropnp_mm.engine import exact_checkpoint_hook as hook_module
from epropnp_mm.engine.random_state import random_state, set_random_state
from toy_training import run_toy, toy_config


def test_random_state_of_all_generators_returns():
    import random

    import numpy as np

    def numbers():
        return random.random(), np.random.rand(), float(torch.rand(()))  # noqa: NPY002

    state = random_state()
    expected = numbers()
    assert numbers() != expected
    set_random_state(state)
    assert numbers() == expected


def test_a_write_that_fails_keeps_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.pth"
    hook_module.write_whole(path, b"old")

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(hook_module.os, "fsync", full)
    with pytest.raises(OSError, match=r"a\.pth cannot be written \(No space left on device\)"):
        hook_module.write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.pth"]


def test_old_checkpoints_go_after_the_new_one_is_there(tmp_path, monkeypatch):
    present = []

    def remove(self, path):
        present.append(sorted(file.name for file in tmp_path.glob("*.pth")))
        Path(path).unlink()

    monkeypatch.setattr(hook_module.WholeFileBackend, "remove", remove)
    monkeypatch.setattr("mmengine.fileio.LocalBackend.remove", remove)
    run_toy(toy_config(tmp_path, "iter"))
    assert present == [
        ["iter_2.pth", "iter_4.pth", "iter_6.pth"],
        ["iter_4.pth", "iter_6.pth", "iter_8.pth"],
    ]
    assert (tmp_path / "last_checkpoint").read_text().endswith("iter_8.pth")


def save(path):
    torch.save({"state_dict": {"a": torch.zeros(1000)}}, path)


def test_the_newest_readable_checkpoint_is_found(tmp_path):
    assert latest_checkpoint(tmp_path) == (None, [])
    for name in ("iter_8.pth", "iter_10.pth", "other.pth"):
        save(tmp_path / name)
    assert latest_checkpoint(tmp_path) == (tmp_path / "iter_10.pth", [])
    (tmp_path / "last_checkpoint").write_text(str(tmp_path / "iter_8.pth"))
    assert latest_checkpoint(tmp_path)[0].name == "iter_8.pth"
    (tmp_path / "last_checkpoint").write_text("")  # a full disk
    content = (tmp_path / "iter_10.pth").read_bytes()
    (tmp_path / "iter_10.pth").write_bytes(content[: len(content) // 2])
    path, problems = latest_checkpoint(tmp_path)
    assert path.name == "iter_8.pth"
    assert "iter_10.pth" in problems[0]


def test_a_moved_work_directory_is_understood(tmp_path):
    save(tmp_path / "epoch_2.pth")
    (tmp_path / "last_checkpoint").write_text("elsewhere/epoch_2.pth")
    assert latest_checkpoint(tmp_path) == (tmp_path / "epoch_2.pth", [])


def test_nothing_readable_does_not_begin_anew_in_silence(tmp_path):
    (tmp_path / "epoch_1.pth").write_bytes(b"PK")
    with pytest.raises(CheckpointError, match="no checkpoint in .* can be read"):
        latest_checkpoint(tmp_path)
