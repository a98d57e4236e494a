"""What the data mean for the detector."""

from collections.abc import Mapping

from epropnp_data.errors import DatasetError


def detector_settings(metainfo: Mapping, source: str) -> dict:
    """Entries of the model's config: classes, sizes, and branches for what is annotated.

    Without attributes, or without velocities, the head gets neither that branch nor its loss.

    Args:
        metainfo: ``classes``, ``size_means``, ``size_stds``, ``attributes``, ``with_velocity``.
        source: file that they come from, for the message.

    Raises:
        DatasetError: a class without sizes.
    """
    classes = tuple(metainfo["classes"])
    if missing := [name for name in classes if name not in metainfo["size_means"]]:
        raise DatasetError(
            f"{source}: no object of category {missing[0]!r}, whose mean size the network needs. "
            "Remove the category, or give it size_mean and size_std"
        )
    coder = {
        f"target_{kind}": {name: tuple(metainfo[f"size_{kind}"][name]) for name in classes}
        for kind in ("means", "stds")
    }
    has_attributes = bool(metainfo["attributes"])
    losses = {}
    if not has_attributes:
        losses["loss_attr"] = None
    if not metainfo["with_velocity"]:
        losses["loss_velo"] = None
    return dict(
        bbox_head=dict(
            classes=classes,
            dim_coder=coder,
            object_branches=dict(
                num_attrs=len(metainfo["attributes"]), with_velocity=metainfo["with_velocity"]
            ),
            criterion=dict(object_loss=losses),
        )
    )
