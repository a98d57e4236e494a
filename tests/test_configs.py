"""Every config can be read and its model, transforms and data set types built."""

import inspect
import re
from itertools import takewhile
from pathlib import Path

import pytest
from mmengine import Config
from mmengine.registry import DATASETS, METRICS, MODELS, TRANSFORMS, init_default_scope

from epropnp_mm.engine.model_from_data import data_set_class

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "configs").rglob("*.py")
    if "_base_" not in path.parts and path.parent.name != "studies"  # those are lists of configs
)
SPLITS = ("train", "val", "test")
DATA = dict(  # for models whose classes are those of their data
    classes=("box",),
    attributes=(),
    size_means=dict(box=(1, 1, 1)),
    size_stds=dict(box=(0.1, 0.1, 0.1)),
    with_velocity=False,
    source="example",
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


def data_sets_of(config):
    """Configs of all data sets, those inside wrappers too."""
    found = [config[f"{s}_dataloader"].dataset for s in SPLITS if config.get(f"{s}_dataloader")]
    while found:
        dataset = found.pop()
        yield dataset
        found += [*dataset.get("datasets", []), *filter(None, [dataset.get("dataset")])]


def evaluators_of(config):
    """Configs of all evaluators."""
    for split in ("val", "test"):
        found = config.get(f"{split}_evaluator")
        yield from found if isinstance(found, list | tuple) else filter(None, [found])


def check_arguments(registry, settings):
    """Refuse a type that is not registered and arguments that it does not take."""
    settings = dict(settings)
    made = registry.get(settings.pop("type"))
    inspect.signature(made).bind(**settings)


@pytest.mark.parametrize("path", CONFIGS)
def test_config_builds(path):
    config = Config.fromfile(ROOT / path)
    init_default_scope(config.get("default_scope", "mmengine"))
    for transform in transforms_of(config):
        TRANSFORMS.build(transform)
    for registry, parts in ((DATASETS, data_sets_of(config)), (METRICS, evaluators_of(config))):
        with registry.switch_scope_and_registry(None) as scoped:
            for settings in parts:
                check_arguments(scoped, settings)
    if config.get("model_from_data"):
        kind = data_set_class(config.train_dataloader.dataset)
        config.merge_from_dict(dict(model=kind.model_settings(DATA)))
    model = without_weights(config.model.to_dict())
    if repr(model) not in _built:
        network = MODELS.build(model)
        _built[repr(model)] = any(p.requires_grad for p in network.parameters())
    assert _built[repr(model)], "nothing to train"
    assert (ROOT / path).read_text().startswith(("#", '"""')), "no comment on top"


@pytest.mark.parametrize("path", CONFIGS)
def test_evaluator_and_data_set_read_the_same_folder(path):
    config = Config.fromfile(ROOT / path)
    for split in ("val", "test"):
        loader, found = config.get(f"{split}_dataloader"), config.get(f"{split}_evaluator")
        if loader and "data_root" in loader.dataset:
            for evaluator in found if isinstance(found, list | tuple) else [found]:
                assert evaluator.data_root == loader.dataset.data_root


def test_misspelt_arguments_are_noticed():
    init_default_scope("mmdet3d")
    settings = dict(type="BOPPoseMetric", data_root="data", split="test", target="list.json")
    with (
        METRICS.switch_scope_and_registry(None) as scoped,
        pytest.raises(TypeError, match="unexpected keyword argument 'target'"),
    ):
        check_arguments(scoped, settings)


def settings_of(config, kind):
    """All nested dicts of a type."""
    if isinstance(config, dict):
        if config.get("type") == kind:
            yield config
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for value in config:
            yield from settings_of(value, kind)


def test_the_detectors_say_what_the_gradient_of_the_threshold_reaches():
    """The layer's own default is another than that of the published detector."""
    found = {}
    for path in CONFIGS:
        for setting in settings_of(Config.fromfile(ROOT / path).to_dict(), "AdaptiveHuberPnPCost"):
            found[path] = setting["delta_gradient"]
    first = {path for path, reached in found.items() if reached == "all but x2d"}
    assert len(found) > 10
    assert set(found.values()) == {"all", "all but x2d", "none"}
    assert {path for path, reached in found.items() if reached == "none"} == {
        f"configs/studies/ablations/{name}.py" for name in ("fixed_threshold", "reprojection")
    }
    assert first
    assert all("/epropnp-det-v1" in path for path in first)


@pytest.mark.parametrize("path", CONFIGS)
def test_config_opens_with_command_score_and_cost(path):
    lines = (ROOT / path).read_text().splitlines()
    head = "\n".join(takewhile(lambda line: line.startswith("#"), lines))
    assert "tools/" in head, "no command"
    assert "<this file>" in head or Path(path).name in head, "the command names another config"
    assert re.search(r"NDS|mAP|[Ss]core", head), "no expected score, nor that there is none"
    assert re.search(r"GPU|CPU", head), "no hardware"
    assert re.search(r"[Mm]easured|memory", head), "no cost, nor that it was not measured"
