"""Names of the published 6DoF checkpoints and ours, one to one."""

from torch import Tensor

PREFIXES = (  # published, ours
    ("backbone.", "backbone."),
    ("rot_head_net.", "head."),
    ("monte_carlo_pose_loss.", "criterion.loss_mc."),
)
UNUSED_PREFIX = "trans_head_net."  # frozen translation head of version 1, never used


def from_published(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename a published state dict to the names of `DensePoseEstimator`.

    Version 1's unused translation head is dropped; CDPN stage-1 checkpoints, which share the
    names of backbone and head, go the same way.

    Raises:
        KeyError: for a name that belongs to no part of the network.
    """
    pairs = [(old, new) for old, new in PREFIXES]
    return {
        _rename(key, pairs): value
        for key, value in state.items()
        if not key.startswith(UNUSED_PREFIX)
    }


def to_published(state: dict[str, Tensor]) -> dict[str, Tensor]:
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
