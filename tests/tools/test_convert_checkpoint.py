"""tools/convert_checkpoint.py: round trip, report, refusals."""

import sys

import pytest
import torch
from mmengine import Config
from mmengine.registry import init_default_scope

import convert_checkpoint
from epropnp_6dof.checkpoint import from_published
from epropnp_6dof.checkpoint import to_published as sixdof_to_published
from epropnp_det.checkpoint import to_published
from epropnp_mm.engine.checkpoint_check import CheckpointError, check_checkpoint


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


@pytest.fixture(scope="module")
def sixdof(repo_dir):
    """A published 6DoF checkpoint of version 2 without its numbers."""
    path = repo_dir / "configs/epropnp_6dof/epropnp-6dof-v2_r34_lm_published-weights.py"
    init_default_scope("mmdet3d")
    state = convert_checkpoint.build_model(Config.fromfile(path)).state_dict()
    return {
        key: torch.tensor(float(i)).to(value.dtype).expand(value.shape)
        for i, (key, value) in enumerate(sixdof_to_published(state).items())
    }


@pytest.fixture(scope="module")
def cdpn(sixdof):
    """CDPN's own layout: the output layer is the last of the list, and there is another head."""
    own = ("rot_head_net.out_layer", "rot_head_net.scale_branch", "monte_carlo_pose_loss")
    return {key: value for key, value in sixdof.items() if not key.startswith(own)} | {
        "rot_head_net.features.27.weight": torch.ones(4, 256, 1, 1),
        "rot_head_net.features.27.bias": torch.ones(4),
        "trans_head_net.features.0.weight": torch.ones(256, 512, 3, 3),
    }


def read(path):
    return torch.load(path, weights_only=True)


def test_a_cdpn_checkpoint_starts_the_training(cdpn, run, tmp_path, capsys, repo_dir):
    published = save(cdpn, tmp_path / "cdpn.pth")
    run(published, tmp_path / "ours.pth")
    printed = capsys.readouterr().out
    for name in ("rot_head_net.features.27.bias", "head.scale_branch.weight", "cdpn-init"):
        assert name in printed
    for config in sorted((repo_dir / "configs/epropnp_6dof").glob("*cdpn-init*.py")):
        model = convert_checkpoint.build_model(Config.fromfile(config))
        with pytest.raises(CheckpointError, match=r"tools/convert_checkpoint.py"):
            check_checkpoint(model, published, strict=False)
        match = check_checkpoint(model, tmp_path / "ours.pth", strict=False)
        fresh = {name.rsplit(".", 1)[0] for name in match.missing}
        assert fresh == {"head.out_layer", "head.scale_branch", "criterion.loss_mc"}
        assert not match.unexpected
        assert not match.misshapen
        assert len(match.fitting) == len(cdpn) - 3


def test_an_incomplete_cdpn_checkpoint_is_refused(cdpn, run, tmp_path, capsys):
    state = {key: value for key, value in cdpn.items() if ".features.24." not in key}
    message = refused(run, capsys, save(state, tmp_path / "a.pth"), tmp_path / "b.pth")
    assert "head.features.24.weight" in message


def test_version_one_is_not_taken_for_version_two(sixdof, run, tmp_path, capsys):
    state = sixdof | {"trans_head_net.features.0.weight": torch.ones(256, 512, 3, 3)}
    source = save(state, tmp_path / "a.pth")
    message = refused(run, capsys, source, tmp_path / "b.pth", "--model", "6dof-v2")
    assert "is a 6dof-v1 checkpoint, not 6dof-v2" in message
    run(source, tmp_path / "ours.pth")
    printed = capsys.readouterr().out
    assert "epropnp-6dof-v1_r34_lm_basic.py" in printed
    assert "reads the weight logits differently" in printed
    assert "trans_head_net.features.0.weight" in printed
    assert read(tmp_path / "ours.pth")["meta"]["model"] == "6dof-v1"
    run(save(sixdof, tmp_path / "v2.pth"), tmp_path / "v2_ours.pth")
    assert read(tmp_path / "v2_ours.pth")["meta"]["model"] == "6dof-v2"
    assert "note" not in capsys.readouterr().out


@pytest.mark.parametrize("family", ["6dof-v1", "6dof-cdpn"])
def test_no_way_back_where_entries_were_left_out(family, sixdof, run, tmp_path, capsys):
    source = save(from_published(sixdof), tmp_path / "a.pth")
    arguments = (source, tmp_path / "b.pth", "--to-published", "--model", family)
    assert "no way back" in refused(run, capsys, *arguments)


def test_files_from_before_torch_1_6_are_read(sixdof, run, tmp_path):
    torch.save({"state_dict": sixdof}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    run(tmp_path / "old.pth", tmp_path / "ours.pth")
    state = read(tmp_path / "ours.pth")["state_dict"]
    back = sixdof_to_published(state)
    assert back.keys() == sixdof.keys()
    assert all(torch.equal(back[key], sixdof[key]) for key in sixdof)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_whole_network_is_refused_with_what_to_do(zipped, run, tmp_path, capsys):
    source = tmp_path / "network.pth"
    torch.save(torch.nn.Linear(2, 2), source, _use_new_zipfile_serialization=zipped)
    message = refused(run, capsys, source, tmp_path / "b.pth")
    assert "network.pth" in message
    assert "torch.save(content.state_dict(), NEW)" in message
