"""From solved poses to detections."""

from .decode import decode
from .settings import InferenceSettings

__all__ = ["InferenceSettings", "decode"]
