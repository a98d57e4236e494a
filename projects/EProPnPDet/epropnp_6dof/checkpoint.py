"""Names of the published 6DoF checkpoints and ours, one to one, and those of CDPN."""

from collections.abc import Mapping

from torch import Tensor

PREFIXES = (  # published, ours
    ("backbone.", "backbone."),
    ("rot_head_net.", "head."),
    ("monte_carlo_pose_loss.", "criterion.loss_mc."),
)
OUTPUT_LAYER = "rot_head_net.out_layer."
TRANSLATION_HEAD = "trans_head_net."  # CDPN's; version 1 carries it frozen and never uses it
CDPN_OUTPUT_LAYER = "rot_head_net.features.27."  # coordinates and mask instead of our five maps
FRESH_AFTER_CDPN = ("head.out_layer.", "head.scale_branch.", "criterion.")


def identify(state: Mapping[str, Tensor]) -> str:
    """Family of a published state: ``6dof-v1``, ``6dof-v2`` or ``6dof-cdpn``.

    The versions have the same parameters but read the weight logits differently; version 1 is told
    by the translation head that it carries along. CDPN has its output layer in the list of the
    others.

    Raises:
        ValueError: it has no head for rotations, so it is none of these.
    """
    if not any(key.startswith("rot_head_net.") for key in state):
        raise ValueError("no entry rot_head_net.*, so this is no 6DoF checkpoint")
    if not any(key.startswith(OUTPUT_LAYER) for key in state):
        return "6dof-cdpn"
    return "6dof-v1" if any(key.startswith(TRANSLATION_HEAD) for key in state) else "6dof-v2"


def from_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename a published state dict to the names of `DensePoseEstimator`.

    Version 1's unused translation head is dropped.

    Raises:
        KeyError: for a name that belongs to no part of the network.
    """
    pairs = [(old, new) for old, new in PREFIXES]
    return {
        _rename(key, pairs): value
        for key, value in state.items()
        if not key.startswith(TRANSLATION_HEAD)
    }


def from_cdpn(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename a CDPN state dict to the names of `DensePoseEstimator`.

    Backbone and upsampling stages are the same. CDPN's output layer is dropped, as it gives other
    maps: entries that begin with one of `FRESH_AFTER_CDPN` start afresh.

    Raises:
        KeyError: for a name that belongs to no part of the network.
    """
    kept = {key: value for key, value in state.items() if not key.startswith(CDPN_OUTPUT_LAYER)}
    return from_published(kept)


def to_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Inverse of `from_published`.

    Raises:
        KeyError: for a name that belongs to no part of the network.
    """
    pairs = [(new, old) for old, new in PREFIXES]
    return {_rename(key, pairs): value for key, value in state.items()}


def _rename(key: str, pairs: list[tuple[str, str]]) -> str:
    for old, new in pairs:
        if key.startswith(old):
            return new + key[len(old) :]
    raise KeyError(f"{key}: not a parameter of the 6DoF network")
