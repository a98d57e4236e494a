"""Backbones whose weights can be had; importing registers them."""

from .efficientnet_lite import EfficientNetLite0  # noqa: F401 - only registration
