"""A model takes classes, sizes and branches from its data, or from its checkpoint."""

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from custom_data import write_set
from epropnp_data.custom import read_custom
from epropnp_data.errors import DatasetError
from epropnp_det.data_settings import detector_settings
from epropnp_det.datasets.custom_mono import metainfo_of
from epropnp_mm.engine.model_from_data import complete_model, data_metainfo, training_data

CONFIG = "configs/epropnp_det/epropnp-det-v2_r18-fpn_demo_custom.py"


def read(repo_dir, folder):
    cfg = Config.fromfile(repo_dir / CONFIG)
    init_default_scope("mmdet3d")
    cfg.train_dataloader.dataset.update(data_root=str(folder), ann_file="set.json")
    return cfg


def test_classes_sizes_and_branches_are_those_of_the_data(repo_dir, tmp_path):
    cfg = read(repo_dir, write_set(tmp_path))
    complete_model(cfg)
    head = MODELS.build(cfg.model).bbox_head
    assert head.classes == ("crate", "robot")
    sizes = head.object_branches.dim_coder.log_means.exp()
    torch.testing.assert_close(sizes, torch.tensor([[1.2, 1.0, 0.8], [2.0, 1.5, 1.0]]))
    assert head.object_branches.attr_branch.out_features == 2
    assert head.object_branches.velocity_branch is not None
    assert cfg.model_from_data is False


def test_without_attributes_and_velocities_there_are_no_branches(repo_dir, tmp_path):
    cfg = read(repo_dir, write_set(tmp_path, bare=True))
    complete_model(cfg)
    head = MODELS.build(cfg.model).bbox_head
    assert head.object_branches.attr_branch is None
    assert head.object_branches.velocity_branch is None
    assert head.criterion.object_loss.loss_attr is None
    assert head.criterion.object_loss.loss_velo is None


def test_a_checkpoint_needs_no_data(repo_dir, tmp_path):
    meta = metainfo_of(read_custom(write_set(tmp_path) / "set.json"))
    path = tmp_path / "model.pth"
    torch.save(dict(meta=dict(dataset_meta=meta), state_dict={}), path)
    cfg = read(repo_dir, tmp_path / "nothing")
    complete_model(cfg, str(path))
    assert cfg.model.bbox_head.classes == ("crate", "robot")
    assert data_metainfo(cfg, str(path))["attributes"] == ("open", "shut")
    with pytest.raises(DatasetError, match=r"nothing/set\.json: no such file"):
        complete_model(read(repo_dir, tmp_path / "nothing"))


def test_a_class_without_objects_needs_a_size(tmp_path):
    meta = metainfo_of(read_custom(write_set(tmp_path) / "set.json"))
    meta["size_means"].pop("robot")
    with pytest.raises(DatasetError, match=r"set\.json: no object of category 'robot'.*size_mean"):
        detector_settings(meta, meta["source"])


def test_complete_configs_stay_as_they_are(repo_dir):
    cfg = Config.fromfile(repo_dir / "configs/epropnp_det/epropnp-det-v2_r18-fpn_demo_synthetic.py")
    before = cfg.pretty_text
    complete_model(cfg)
    assert cfg.pretty_text == before
    meta = data_metainfo(cfg)
    assert len(meta["classes"]) == 10
    assert len(meta["attributes"]) == 9


def test_data_sets_inside_others_are_found():
    inner = dict(type="CustomMonoDataset", data_root="x", ann_file="y")
    joined = dict(type="ConcatDataset", datasets=[dict(type="RepeatDataset", dataset=inner)])
    cfg = Config(dict(train_dataloader=dict(dataset=joined)))
    assert training_data(cfg) == inner
