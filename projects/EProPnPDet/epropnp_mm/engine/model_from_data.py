"""Models whose classes and sizes are those of their data.

A config with ``model_from_data = True`` leaves them out of its model. They come from the checkpoint
where there is one (mmengine keeps the ``metainfo`` of the training data in it), else from the file
of the training data. The data set's class says how: ``read_metainfo(settings)`` gives the metainfo
of a data set of these settings, ``model_settings(metainfo)`` what it means for the model.
"""

import pickle
import zipfile
from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import DATASETS

MARK = "model_from_data"


def complete_model(cfg: Config, checkpoint: str | None = None) -> None:
    """Put into the model what its data decide; other configs stay as they are.

    Args:
        cfg: changed in place; afterwards it needs neither data nor checkpoint to be built.
        checkpoint: of the model, where it exists already.

    Raises:
        DatasetError: the data are needed and missing or wrong.
    """
    if not cfg.get(MARK):
        return
    kind = data_set_class(training_data(cfg))
    settings = kind.model_settings(data_metainfo(cfg, checkpoint))
    cfg.merge_from_dict(dict(model=settings, **{MARK: False}))


def data_metainfo(cfg: Config, checkpoint: str | None = None) -> dict:
    """Names and sizes that a model was, or will be, trained on.

    Raises:
        DatasetError: the data are needed and missing or wrong.
    """
    settings = training_data(cfg)
    kind = data_set_class(settings)
    known = {**getattr(kind, "METAINFO", {}), **checkpoint_metainfo(checkpoint)}
    known |= settings.get("metainfo") or {}
    return known if "classes" in known else kind.read_metainfo(settings)


def training_data(cfg: Config) -> ConfigDict:
    """Config of the training data set, or of the tested one where a config has no other.

    Of data sets that are wrapped or joined it is the innermost, first one.
    """
    loader = cfg.get("train_dataloader") or cfg.test_dataloader
    settings = loader.dataset
    while True:
        inner = settings.get("dataset") or (settings.get("datasets") or [None])[0]
        if inner is None:
            return settings
        settings = inner


def checkpoint_metainfo(checkpoint: str | None) -> dict:
    """``metainfo`` of the training data in a checkpoint; empty where it holds none."""
    if checkpoint is None or not Path(checkpoint).is_file():
        return {}
    try:
        content = torch.load(
            checkpoint,
            map_location="cpu",
            mmap=zipfile.is_zipfile(checkpoint),
            weights_only=True,
        )
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError):
        return {}  # check_checkpoint says what is wrong with it
    meta = content.get("meta") if isinstance(content, dict) else None
    return dict((meta or {}).get("dataset_meta") or {})


def data_set_class(settings: ConfigDict) -> type:
    """Class of a data set's config."""
    with DATASETS.switch_scope_and_registry("mmdet3d") as registry:
        return registry.get(settings.type)
