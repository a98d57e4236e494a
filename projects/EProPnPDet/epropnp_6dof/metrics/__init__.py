"""Pose errors, accuracies and BOP recall; numpy and scipy only, any length unit."""

from .accuracy import PoseErrors, accuracy_table, pose_errors
from .bop_score import BOPScore, bop_average_precision, bop_average_recall
from .pose_error import (
    add_error,
    adi_error,
    mspd_error,
    mssd_error,
    projection_error,
    rotation_error_deg,
    translation_error,
)

__all__ = [
    "BOPScore",
    "PoseErrors",
    "accuracy_table",
    "add_error",
    "adi_error",
    "bop_average_precision",
    "bop_average_recall",
    "mspd_error",
    "mssd_error",
    "pose_errors",
    "projection_error",
    "rotation_error_deg",
    "translation_error",
]
