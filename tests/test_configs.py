"""Every config can be read and its model, transforms and data set types built."""

from pathlib import Path

import pytest
from mmengine import Config
from mmengine.registry import DATASETS, MODELS, TRANSFORMS, init_default_scope

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "configs").rglob("*.py")
    if "_base_" not in path.parts
)
# two configs that differ in nothing but data, schedule or views share one model
_built: dict[str, bool] = {}


def without_weights(model):
    """The model's config without weights to download."""
    if isinstance(model, dict):
        return {k: without_weights(v) for k, v in model.items() if not _is_pretrained(k, v)}
    if isinstance(model, (list, tuple)):
        return type(model)(without_weights(value) for value in model)
    return model


def _is_pretrained(key, value):
    return key == "init_cfg" and isinstance(value, dict) and value.get("type") == "Pretrained"


def transforms_of(config):
    """Configs of all transforms in the pipelines of a config."""
    for key in ("train_pipeline", "test_pipeline", "tta_pipeline"):
        yield from config.get(key) or []


def test_there_are_configs():
    assert len(CONFIGS) > 20


@pytest.mark.parametrize("path", CONFIGS)
def test_config_builds(path):
    config = Config.fromfile(ROOT / path)
    init_default_scope(config.get("default_scope", "mmengine"))
    for transform in transforms_of(config):
        assert TRANSFORMS.build(transform) is not None
    for split in ("train", "val", "test"):
        loader = config.get(f"{split}_dataloader")
        if loader is not None:
            with DATASETS.switch_scope_and_registry(None) as registry:
                assert registry.get(loader.dataset.type) is not None, loader.dataset.type
    model = without_weights(config.model.to_dict())
    if repr(model) not in _built:
        network = MODELS.build(model)
        _built[repr(model)] = any(p.requires_grad for p in network.parameters())
    assert _built[repr(model)]
    assert (ROOT / path).read_text().startswith(("#", '"""')), "no comment on top"
    assert "_base_" not in path
