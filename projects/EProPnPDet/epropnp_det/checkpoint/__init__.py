"""Published checkpoints: names of their parameters, conversion both ways."""

from .convert import LAYOUTS, identify, to_ours, to_published
from .key_map import DET_V1, DET_V2, KeyMap

__all__ = ["DET_V1", "DET_V2", "LAYOUTS", "KeyMap", "identify", "to_ours", "to_published"]
