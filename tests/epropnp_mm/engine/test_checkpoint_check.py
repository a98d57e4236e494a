"""A checkpoint of another model ends in one message."""

import pytest
import torch
from torch import nn

from epropnp_mm.engine import CheckpointError, check_checkpoint
from epropnp_mm.engine.checkpoint_check import match_keys


def save(path, model, prefix=""):
    state = {prefix + name: value for name, value in model.state_dict().items()}
    torch.save({"state_dict": state, "meta": {}}, path)
    return str(path)


def test_own_checkpoint_fits(tmp_path):
    model = nn.Linear(2, 3)
    match = check_checkpoint(model, save(tmp_path / "a.pth", model, "module."), strict=True)
    assert match.fitting == ["weight", "bias"]


@pytest.mark.parametrize(
    "other", [nn.Linear(2, 4), nn.Conv2d(1, 1, 1, bias=False)], ids=["shape", "names"]
)
def test_other_model_is_refused(tmp_path, other):
    path = save(tmp_path / "a.pth", other)
    with pytest.raises(CheckpointError, match="another model") as caught:
        check_checkpoint(nn.Linear(2, 3), path, strict=True)
    assert "a.pth" in str(caught.value)


def test_a_start_of_training_may_fit_in_part(tmp_path):
    backbone, model = nn.Linear(2, 3), nn.Linear(2, 3)
    model.head = nn.Linear(3, 1, bias=False)
    path = save(tmp_path / "a.pth", backbone)
    assert check_checkpoint(model, path, strict=False).missing == ["head.weight"]
    with pytest.raises(CheckpointError, match="head.weight"):
        check_checkpoint(model, path, strict=True)


@pytest.mark.parametrize("name", ["rot_head_net.features.0.weight", "bbox_head.k_proj.weight"])
@pytest.mark.parametrize("strict", [False, True])
def test_published_names_are_refused_with_the_converter(tmp_path, name, strict):
    # most of the model fits, as the backbone of CDPN's file would
    model = nn.Linear(2, 3)
    torch.save({**model.state_dict(), name: torch.zeros(1)}, tmp_path / "cdpn.pth")
    with pytest.raises(CheckpointError, match=r"tools/convert_checkpoint.py .*cdpn.pth") as caught:
        check_checkpoint(model, str(tmp_path / "cdpn.pth"), strict=strict)
    assert name in str(caught.value)


def test_missing_and_broken_files_are_named(tmp_path):
    model = nn.Linear(2, 3)
    with pytest.raises(CheckpointError, match="no checkpoint .*a.pth"):
        check_checkpoint(model, str(tmp_path / "a.pth"), strict=True)
    (tmp_path / "b.pth").write_text("not a checkpoint")
    with pytest.raises(CheckpointError, match="b.pth cannot be read"):
        check_checkpoint(model, str(tmp_path / "b.pth"), strict=True)
    torch.save([1, 2], tmp_path / "c.pth")
    with pytest.raises(CheckpointError, match="no state_dict"):
        check_checkpoint(model, str(tmp_path / "c.pth"), strict=True)


def test_match_sorts_entries_into_four_groups():
    ours = {"a": torch.zeros(1), "b": torch.zeros(2), "c": torch.zeros(3)}
    match = match_keys(ours, {"a": torch.ones(1), "b": torch.zeros(3), "d": torch.zeros(1)})
    assert match == (["a"], ["c"], ["d"], ["b"])
    assert "1 of the model's 3 entries fit" in str(match)
