"""Transforms of camera images: loading, geometry with exact bookkeeping, packing."""

from .geometric import MonoCrop, MonoFlip, MonoResize
from .inferencer import LoadInferencerImage
from .loading import LoadMonoAnnotations, LoadMonoImage, LoadMonoLidar
from .network_camera import PackNetworkCameraInputs
from .packing import PackMonoInputs

__all__ = [
    "LoadInferencerImage",
    "LoadMonoAnnotations",
    "LoadMonoImage",
    "LoadMonoLidar",
    "MonoCrop",
    "MonoFlip",
    "MonoResize",
    "PackMonoInputs",
    "PackNetworkCameraInputs",
]
