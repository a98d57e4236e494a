"""tools/convert_checkpoint.py: round trip, report, refusals."""

import sys

import pytest
import torch
from mmengine import Config
from mmengine.registry import init_default_scope

import convert_checkpoint
from epropnp_det.checkpoint import to_published


@pytest.fixture(scope="module")
def published(repo_dir):
    """A published v1b checkpoint without its numbers: each entry is one repeated value."""
    init_default_scope("mmdet3d")
    (path,) = (repo_dir / "configs/epropnp_det/published").glob("*v1b-220312*nus-mono3d.py")
    state = to_published(
        convert_checkpoint.build_model(Config.fromfile(path)).state_dict(), "det-v1b"
    )
    return {
        key: torch.tensor(float(i)).to(value.dtype).expand(value.shape)
        for i, (key, value) in enumerate(state.items())
    }


@pytest.fixture
def run(monkeypatch):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["convert_checkpoint.py", *map(str, arguments)])
        convert_checkpoint.main()

    return run


def save(state, path, **others):
    torch.save({"state_dict": state, "meta": {"epoch": 12}, **others}, path)
    return path


def test_round_trip_is_the_identity(published, run, tmp_path, capsys):
    source = save(published, tmp_path / "published.pth", optimizer={"state": {}})
    run(source, tmp_path / "ours.pth")
    printed = capsys.readouterr().out
    assert f"{len(published)} entries mapped" in printed
    assert "0 entries missing" in printed
    assert "0 entries left over" in printed
    assert "v1b-220312" in printed
    ours = torch.load(tmp_path / "ours.pth", weights_only=True)
    assert set(ours) == {"meta", "state_dict"}
    run(tmp_path / "ours.pth", tmp_path / "back.pth", "--to-published", "--model", "det-v1b")
    back = torch.load(tmp_path / "back.pth", weights_only=True)["state_dict"]
    assert back.keys() == published.keys()
    assert all(torch.equal(back[key], published[key]) for key in published)


def refused(run, capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert stop.value.code == 2
    assert not arguments[1].exists()
    return capsys.readouterr().err


def test_an_incomplete_checkpoint_is_refused(published, run, tmp_path, capsys):
    state = {key: value for key, value in published.items() if "velo_branch" not in key}
    source = save(state, tmp_path / "cut.pth")
    message = refused(run, capsys, source, tmp_path / "ours.pth")
    assert "velocity_branch" in message
    assert str(source) in message
    assert [path.name for path in tmp_path.iterdir()] == ["cut.pth"]


def test_another_model_is_refused(run, tmp_path, capsys):
    source = save({"backbone.w": torch.zeros(1), "roi_head.w": torch.zeros(1)}, tmp_path / "a.pth")
    assert "roi_head" in refused(run, capsys, source, tmp_path / "b.pth")


def test_the_wrong_family_is_refused(published, run, tmp_path, capsys):
    source = save(published, tmp_path / "a.pth")
    message = refused(run, capsys, source, tmp_path / "b.pth", "--model", "det-v2")
    assert "is a det-v1b checkpoint" in message


def test_other_files_are_refused(run, tmp_path, capsys):
    (tmp_path / "text.pth").write_text("no checkpoint")
    assert "text.pth" in refused(run, capsys, tmp_path / "text.pth", tmp_path / "b.pth")
    assert "none.pth" in refused(run, capsys, tmp_path / "none.pth", tmp_path / "b.pth")


def test_the_way_back_needs_a_family(published, run, tmp_path, capsys):
    source = save(published, tmp_path / "a.pth")
    assert "--model" in refused(run, capsys, source, tmp_path / "b.pth", "--to-published")
