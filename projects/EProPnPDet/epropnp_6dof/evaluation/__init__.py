"""Evaluation of pose estimates; importing registers the metric."""

import importlib.util

if importlib.util.find_spec("mmdet3d"):
    from .pose_metric import BOPPoseMetric  # noqa: F401 - only registration
