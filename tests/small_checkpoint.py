"""A checkpoint of a small detector with seeded weights, which proposes many objects.

``from small_checkpoint import checkpoint`` gives the fixture.
"""

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

CONFIG = "configs/epropnp_det/epropnp-det-v2_r18-fpn_demo_synthetic.py"


@pytest.fixture(scope="session")
def checkpoint(repo_dir, tmp_path_factory):
    """Path of the file."""
    return write_checkpoint(repo_dir / CONFIG, tmp_path_factory.mktemp("checkpoint") / "small.pth")


def write_checkpoint(config, path):
    """Seeded weights of the detector of a config; the path."""
    cfg = Config.fromfile(config)
    if "pretrained" in cfg.model.backbone:
        cfg.model.backbone.pretrained = False
    init_default_scope("mmdet3d")
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    nn.init.zeros_(model.bbox_head.detector.conv_cls.bias)
    nn.init.normal_(model.bbox_head.detector.conv_cls.weight, std=0.3)
    torch.save(dict(state_dict=model.state_dict()), path)
    return path
