"""Conversion of published detector checkpoints to ours and back."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from torch import Tensor

from .key_map import DET_V1, DET_V2, KeyMap

# Learnt scalars that are published as vectors of one element.
_SCALAR = ("log_sigma",)


@dataclass(frozen=True)
class Layout:
    """A family of published checkpoints.

    Attributes:
        key_map: its names and ours.
        has: names that tell it from the other families.
        lacks: names that it does not contain.
    """

    key_map: KeyMap
    has: tuple[str, ...]
    lacks: tuple[str, ...] = ()

    def matches(self, keys: Collection[str]) -> bool:
        """Whether a checkpoint with these keys belongs to the family."""
        return all(k in keys for k in self.has) and not any(k in keys for k in self.lacks)


_FOUR_LEVELS = "neck.lateral_convs.3.conv.weight"
_V1_HEAD = "bbox_head.corr_regs.1.weight"
LAYOUTS = {
    "det-v2": Layout(DET_V2, ("bbox_head.corr_reg.weight", "bbox_head.w2d_scale_branch.weight")),
    "det-v1b": Layout(DET_V1, (_V1_HEAD,), lacks=(_FOUR_LEVELS,)),
    "det-v1": Layout(DET_V1, (_V1_HEAD, _FOUR_LEVELS)),
}
_OUR_KEY = "bbox_head.correspondence_head.regression.weight"


def identify(keys: Collection[str]) -> str:
    """Name of the family of published checkpoints that has these keys.

    Raises:
        ValueError: none has, with what the checkpoint seems to be instead.
    """
    for name, layout in LAYOUTS.items():
        if layout.matches(keys):
            return name
    if _OUR_KEY in keys:
        raise ValueError("the checkpoint already has the names of this project")
    prefixes = sorted({key.split(".")[0] for key in keys})
    raise ValueError(
        "not a published EPro-PnP detector: none of the names "
        f"{[layout.has[0] for layout in LAYOUTS.values()]} occur; its modules are {prefixes[:8]}"
    )


def to_ours(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Rename a published state.

    Args:
        state: published names.
        name: family, a key of ``LAYOUTS``.
    """
    key_map = LAYOUTS[name].key_map
    return {key_map.to_ours(key): _reshape(key, value, ()) for key, value in state.items()}


def to_published(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Inverse of :func:`to_ours`."""
    key_map = LAYOUTS[name].key_map
    return {key_map.to_published(key): _reshape(key, value, (1,)) for key, value in state.items()}


def _reshape(key: str, value: Tensor, shape: tuple[int, ...]) -> Tensor:
    return value.reshape(shape) if key.rsplit(".", 1)[-1] in _SCALAR else value
