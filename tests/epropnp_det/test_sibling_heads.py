"""FCOS3D, PGD and EPro-PnP share data, schedule and tools: each trains two steps and is tested."""

import math

import pytest
import torch
from mmengine import Config
from mmengine.runner import Runner

from nuscenes_data import nuscenes_root  # noqa: F401 - a fixture

SIBLINGS = {
    "fcos3d": "baselines/fcos3d_r101-dcn-fpn_2xb6-12e_nus-mono3d.py",
    "pgd": "baselines/pgd_r101-dcn-fpn_2xb6-12e_nus-mono3d.py",
    "epropnp": "epropnp_det/epropnp-det-v2_r101-dcn-fpn_2xb6-12e_nus-mono3d.py",
}
CROP = dict(type="MonoCrop", region=(0, 0.25, 1, 1), unit="fraction")


def narrow(value):
    """The same nested settings with 64 channels where there are 256."""
    if isinstance(value, dict):
        return {key: narrow(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(narrow(item) for item in value)
    return 64 if value == 256 else value


def shrink(config: Config, data_root, work_dir) -> Config:
    """The same config, 64 wide on a ResNet-18, for two training steps."""
    channels = [64, 128, 256, 512][-len(config.model.neck.in_channels) :]
    config.model.backbone = dict(
        type="mmdet.ResNet",
        depth=18,
        out_indices=config.model.backbone.out_indices,
        norm_cfg=dict(type="BN"),
    )
    config.model.neck = narrow(config.model.neck.to_dict())
    config.model.neck.in_channels = channels
    config.model.bbox_head = narrow(config.model.bbox_head.to_dict())
    for split in ("train", "val", "test"):
        loader = config[f"{split}_dataloader"]
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        dataset = loader.dataset
        dataset.data_root = str(data_root)
        dataset.pipeline = [CROP if t.type == "MonoCrop" else t for t in dataset.pipeline]
    evaluator = config.test_evaluator
    evaluator.update(data_root=str(data_root), ann_file=f"{data_root}/nuscenes_infos_val.pkl")
    config.update(val_dataloader=None, val_evaluator=None, val_cfg=None)
    config.train_cfg = dict(type="IterBasedTrainLoop", max_iters=2)
    config.param_scheduler = None
    config.default_hooks.checkpoint = dict(type="CheckpointHook", by_epoch=False, interval=-1)
    config.default_hooks.logger.interval = 1
    config.work_dir = str(work_dir)
    return config


@pytest.mark.slow
@pytest.mark.parametrize("name", SIBLINGS)
def test_trains_and_tests(name, repo_dir, nuscenes_root, tmp_path):  # noqa: F811
    torch.manual_seed(0)
    config = Config.fromfile(repo_dir / "configs" / SIBLINGS[name])
    config.experiment_name = f"sibling_{name}"
    runner = Runner.from_cfg(shrink(config, nuscenes_root, tmp_path))
    before = {key: value.clone() for key, value in runner.model.named_parameters()}
    runner.train()
    assert runner.iter == 2
    changed = [
        key for key, value in runner.model.named_parameters() if not torch.equal(value, before[key])
    ]
    assert any(key.startswith("bbox_head.") for key in changed)
    assert all(value.isfinite().all() for value in runner.model.parameters())
    metrics = runner.test()
    scores = {key.rsplit("/", 1)[-1]: value for key, value in metrics.items()}
    assert math.isfinite(scores["NDS"])
    assert len([key for key in metrics if key.endswith("/AP")]) == 10
