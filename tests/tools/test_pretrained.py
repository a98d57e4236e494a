"""Weights that a config starts from are checked before data are read."""

import pytest

from epropnp_tools import pretrained
from epropnp_tools.cli import UsageError

CONFIG = "configs/epropnp_det/epropnp-det-v2_r101-dcn-fpn_2xb6-12e_nus-mono3d.py"


def test_missing_torchvision_is_named_with_both_remedies(repo_dir, monkeypatch):
    from mmengine.config import Config

    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="torchvision") as caught:
        pretrained.check_pretrained(Config.fromfile(repo_dir / CONFIG).model)
    assert "model.backbone.init_cfg.checkpoint=FILE" in str(caught.value)


def test_missing_file_is_named(tmp_path):
    init = dict(type="Pretrained", checkpoint=str(tmp_path / "weights.pth"))
    with pytest.raises(UsageError, match=r"no file .*weights\.pth"):
        pretrained.check_pretrained(dict(parts=[dict(init_cfg=init)]))
    (tmp_path / "weights.pth").write_bytes(b"")
    pretrained.check_pretrained(dict(parts=[dict(init_cfg=init)]))


def test_no_pretrained_weights_need_nothing():
    pretrained.check_pretrained(dict(backbone=dict(type="ResNet", init_cfg=None)))
