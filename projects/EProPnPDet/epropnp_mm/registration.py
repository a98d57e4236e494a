"""Registers all of the package in mmdet3d's registries when it is imported.

Torch's safe loading then accepts mmengine's checkpoints, too.
"""

from . import backbones, engine, layer, order, visualization  # noqa: F401 - only registration
from .compat import allow_mmengine_checkpoints

allow_mmengine_checkpoints()
