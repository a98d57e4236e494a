"""From solved poses to detections."""

from .decode import decode
from .explain import Explanation, explain
from .settings import InferenceSettings

__all__ = ["Explanation", "InferenceSettings", "decode", "explain"]
