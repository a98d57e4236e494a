"""Names of the published configs that mean something else here, or nothing.

A block pasted from a published config must not be ignored: each name is refused with ours.
"""

from collections.abc import Mapping
from typing import Any

TYPES = {
    "SmoothL1LossMod": (
        "mmdet.SmoothL1Loss where components count one by one (dimensions, centres, velocities), "
        "VectorSmoothL1Loss where the length of the vector counts (positions)"
    ),
}
ARGUMENTS = {
    "MVDGaussianMixtureNLLLoss": {
        "sigma": "init_sigma (it is learnt; None where the network predicts it)",
        "freeze_sigma": "init_sigma=None where the network predicts it; a given one is learnt",
        "adaptive_weight": "momentum (None for no division by the running mean)",
    },
}
TRAIN_CFG = {
    "num_obj_samples_per_img": "bbox_head.criterion.object_sampler.num_per_img",
    "roi_shape": "bbox_head.criterion.auxiliary.roi_size (one number, cells per side)",
    "min_ref_length": "bbox_head.criterion.proposal_loss.min_ref_length",
}
TEST_CFG = {
    "override_cfg": "bbox_head.pose_solver.test_pnp (the entries of pnp that differ)",
    "nms_iou2d": "test_cfg.nms_iou_2d",
    "nms_iou2d_thr": "test_cfg.nms_iou_2d",
    "nms_ioubev": "test_cfg.nms_iou_bev",
    "nms_ioubev_thr": "test_cfg.nms_iou_bev",
    "pnp_fast_mode": "test_cfg.fast_mode",
}


def refuse_published_names(config: object, place: str) -> None:
    """Refuse published types and arguments anywhere in a config.

    Args:
        config: a nested config.
        place: where it stands, for the message.

    Raises:
        ValueError: naming the place, the published name and ours.
    """
    if isinstance(config, list | tuple):
        for index, value in enumerate(config):
            refuse_published_names(value, f"{place}[{index}]")
    if not isinstance(config, Mapping):
        return
    kind = config.get("type")
    if kind in TYPES:
        raise ValueError(f"{place}.type={kind!r} has another meaning here: use {TYPES[kind]}")
    _refuse(config, ARGUMENTS.get(kind, {}), place)
    for name, value in config.items():
        refuse_published_names(value, f"{place}.{name}")


def refuse_train_cfg(train_cfg: Mapping[str, Any] | None) -> None:
    """Refuse entries of ``train_cfg``: the stages hold all settings of training.

    Raises:
        ValueError: naming the entry, and its new place where it is known.
    """
    _refuse(train_cfg or {}, TRAIN_CFG, "train_cfg")
    if train_cfg:
        raise ValueError(
            f"train_cfg of the model has {sorted(train_cfg)}, which no stage of DeformPnPHead "
            "reads; settings of training are arguments of bbox_head.criterion and its parts"
        )


def refuse_test_cfg(test_cfg: Mapping[str, Any], known: list[str]) -> None:
    """Refuse entries of ``test_cfg`` that are not settings of inference.

    Raises:
        ValueError: naming the entry and ours.
    """
    _refuse(test_cfg, TEST_CFG, "test_cfg")
    if unknown := sorted(set(test_cfg) - set(known)):
        raise ValueError(f"test_cfg has {unknown}, expected some of {known}")


def _refuse(config: Mapping[str, Any], renamed: Mapping[str, str], place: str) -> None:
    for name in config:
        if name in renamed:
            raise ValueError(f"{place}.{name} is a published name; here it is {renamed[name]}")
