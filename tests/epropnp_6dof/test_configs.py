"""Every 6DoF config builds, and states what was published for it."""

from pathlib import Path

import pytest
from mmdet3d.registry import METRICS, MODELS, TRANSFORMS
from mmengine.config import Config

import epropnp_6dof  # noqa: F401 - registers

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "epropnp_6dof"
NAMES = sorted(path.name for path in CONFIGS.glob("*.py"))


def load(name):
    return Config.fromfile(CONFIGS / name)


@pytest.mark.parametrize("name", NAMES)
def test_config_builds(name, tmp_path):
    cfg = load(name)
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(cfg.model)
    assert sum(parameter.numel() for parameter in model.parameters()) > 5e5
    METRICS.build(cfg.test_evaluator)
    for step in cfg.test_dataloader.dataset.pipeline:
        TRANSFORMS.build(step)


@pytest.mark.parametrize("name", [name for name in NAMES if "_lm_" in name])
def test_head_of_the_file_gives_command_and_published_score(name):
    head = (CONFIGS / name).read_text().split("_base_")[0]
    assert f"configs/epropnp_6dof/{name}" in head
    assert "Published" in head


def test_published_variants_differ_as_tabulated():
    weights = {
        name: tuple(load(name).model.criterion.loss_weights.values())
        for name in NAMES
        if "epropnp" in name and "_lm_" in name
    }
    prefix = "epropnp-6dof-"
    assert weights[f"{prefix}v1_r34_lm_basic.py"] == (1, 0.02, 0, 0)
    for variant in ("deriv-reg", "cdpn-init", "cdpn-init-long"):
        assert weights[f"{prefix}v1_r34_lm_{variant}.py"] == (1, 0.02, 0.1, 0.1)
    assert weights[f"{prefix}v2_r34_lm_no-model.py"] == (0, 0.2, 1, 1)
    assert weights[f"{prefix}v2_r34_lm_coord-cdpn-init.py"] == (1, 0.2, 1, 1)
    assert load(f"{prefix}v1_r34_lm_cdpn-init-long.py").train_cfg.max_epochs == 321
    assert load(f"{prefix}v1_r34_lm_basic.py").train_cfg.max_epochs == 161


TWINS = {
    "coord-ransac_lite0-256_lmo-rendered.py": "epropnp-6dof-v2_lite0-256_lmo-rendered.py",
    "coord-ransac_lite0_lmo-rendered.py": "epropnp-6dof-v2_lite0_lmo-rendered.py",
    "coord-ransac_r34_lmo-pbr.py": "epropnp-6dof-v2_r34_lmo-pbr.py",
}


@pytest.mark.parametrize("name", sorted(TWINS))
def test_twins_differ_in_criterion_and_solver_alone(name):
    twin, layer = (load(each).to_dict() for each in (name, TWINS[name]))
    for cfg in (twin, layer):
        cfg["model"] = {k: v for k, v in cfg["model"].items() if k not in ("criterion", "solver")}
        cfg.pop("find_unused_parameters", None)
        cfg.pop("start")
    assert twin == layer
    assert layer["model"]["symmetric_targets"]
    start = load(f"{name[:-3]}_start.py")
    assert layer["model"]["init_cfg"]["checkpoint"].endswith(
        f"iter_{start.train_cfg.max_iters}.pth"
    )


def test_nothing_is_chosen_on_the_real_frames():
    for name in NAMES:
        if "lmo-rendered" in name or "lmo-pbr" in name:
            cfg = load(name)
            assert cfg.val_dataloader.dataset.split == "val_rendered"
            assert cfg.test_dataloader.dataset.data_root == "data/lmo"
