"""What the command lines of training and testing do to a config."""

import pytest
import torch
from mmengine.config import Config

from epropnp_tools.cli import set_data_root
from train import set_resume

DETECTION = "epropnp_det/epropnp-det-v2_r18-fpn_demo_synthetic.py"
DENSE = "epropnp_6dof/epropnp-6dof-v2_r34_lm_no-model.py"


@pytest.fixture
def load(repo_dir):
    def moved(config):
        cfg = Config.fromfile(repo_dir / "configs" / config)
        set_data_root(cfg, "elsewhere")
        return cfg

    return moved


def data_roots(part):
    """All values of ``data_root`` in a part of a config."""
    if isinstance(part, list | tuple):
        return [root for each in part for root in data_roots(each)]
    if not isinstance(part, dict):
        return []
    own = [part["data_root"]] if "data_root" in part else []
    return own + [root for each in part.values() for root in data_roots(each)]


@pytest.mark.parametrize("config", [DETECTION, DENSE])
def test_every_data_set_and_evaluator_moves(load, config):
    cfg = load(config)
    parts = [cfg.get(f"{split}_dataloader") for split in ("train", "test")] + [cfg.test_evaluator]
    for part in parts:
        roots = data_roots(part)
        assert set(roots) == {"elsewhere"}


def test_annotation_files_move_with_their_root(load):
    cfg = load(DETECTION)
    assert cfg.test_evaluator.ann_file == "elsewhere/nuscenes_infos_val.pkl"
    assert cfg.test_dataloader.dataset.ann_file == "nuscenes_infos_val.pkl"  # below the root


def test_background_images_stay(load):
    for dataset in load(DENSE).train_dataloader.dataset.datasets:
        folders = [step.folder for step in dataset.pipeline if step.type == "ReplaceBackground"]
        assert folders == ["data/backgrounds"]


@pytest.mark.parametrize("trained_before", [False, True])
def test_resume_starts_from_load_from_only_at_the_beginning(tmp_path, trained_before):
    newest = tmp_path / "iter_9.pth"
    if trained_before:
        torch.save({"state_dict": {"weight": torch.zeros(1)}}, newest)
        (tmp_path / "last_checkpoint").write_text("moved/since/iter_9.pth")
    cfg = Config(dict(work_dir=str(tmp_path), load_from="pretrained.pth"))
    set_resume(cfg, "auto")
    assert cfg.load_from == (str(newest) if trained_before else "pretrained.pth")
    assert cfg.get("resume", False) == trained_before


def test_resume_from_a_given_checkpoint():
    cfg = Config(dict(work_dir="nowhere", load_from="pretrained.pth"))
    set_resume(cfg, "iter_3.pth")
    assert (cfg.resume, cfg.load_from) == (True, "iter_3.pth")
