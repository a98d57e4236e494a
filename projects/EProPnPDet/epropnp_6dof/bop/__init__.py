"""The BOP data format: models, scenes, targets, detections, results. Metres inside."""

from .detections import read_detections
from .errors import BOPError, BOPFileMissing
from .models import ObjectModel, read_models_info, read_object_model, symmetry_transforms
from .results import PoseEstimate, read_results, write_results
from .scenes import ObjectInstance, SceneImage, read_scene, read_targets

__all__ = [
    "BOPError",
    "BOPFileMissing",
    "ObjectInstance",
    "ObjectModel",
    "PoseEstimate",
    "SceneImage",
    "read_detections",
    "read_models_info",
    "read_object_model",
    "read_results",
    "read_scene",
    "read_targets",
    "symmetry_transforms",
    "write_results",
]
