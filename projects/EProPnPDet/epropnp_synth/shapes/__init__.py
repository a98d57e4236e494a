"""Class-typical meshes made of simple parts; every shape tells its front from its back."""

from .catalogue import build_shape

__all__ = ["build_shape"]
