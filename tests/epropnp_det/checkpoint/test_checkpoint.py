"""Names of the published checkpoints: every entry has its place, and finds its way back."""

import json

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine import Config

from epropnp_det.checkpoint import DET_V2, identify, to_ours, to_published

PUBLISHED = {  # state dict of reference -> family, config
    "det_v2": ("det-v2", "v2_r101"),
    "det_epropnp_det_v1b_220411": ("det-v1b", "v1b-220411"),
    "det_epropnp_det_v1b_220312": ("det-v1b", "v1b-220312"),
    "det_epropnp_det_basic": ("det-v1", "v1-basic"),
}


def read_shapes(reference_dir, name):
    shapes = json.loads((reference_dir / f"spec/{name}_state_dict.json").read_text())
    return {key: torch.zeros(()).expand(shape) for key, shape in shapes.items()}


@pytest.fixture
def state_of_config(repo_dir):
    def build(name):
        (path,) = (repo_dir / "configs/epropnp_det/published").glob(
            f"epropnp-det-{name}*nus-mono3d.py"
        )
        model = Config.fromfile(path).model
        model.backbone.pop("init_cfg")
        return MODELS.build(model).state_dict()

    return build


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_names_fill_the_model(reference_dir, state_of_config, name):
    family, config = PUBLISHED[name]
    published = read_shapes(reference_dir, name)
    assert identify(published) == family
    converted = {key: value.shape for key, value in to_ours(published, family).items()}
    assert converted == {key: value.shape for key, value in state_of_config(config).items()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_names_find_their_way_back(reference_dir, name):
    family, _ = PUBLISHED[name]
    published = read_shapes(reference_dir, name)
    back = to_published(to_ours(published, family), family)
    assert {k: v.shape for k, v in back.items()} == {k: v.shape for k, v in published.items()}


def test_a_prefix_ends_where_a_name_does():
    key = "bbox_head.corr_reg_aux.weight"
    assert DET_V2.to_ours(key) != key
    assert "regression_aux" not in DET_V2.to_ours(key)
    assert DET_V2.to_ours("bbox_head.convs_extra.weight") == "bbox_head.convs_extra.weight"
    assert DET_V2.to_ours("neck.fpn_convs.0.conv.weight") == "neck.fpn_convs.0.conv.weight"


def test_foreign_checkpoints_are_named():
    with pytest.raises(ValueError, match="already has the names"):
        identify(["bbox_head.correspondence_head.regression.weight"])
    with pytest.raises(ValueError, match=r"modules are \['backbone', 'roi_head'\]"):
        identify(["backbone.conv1.weight", "roi_head.fc.weight"])
