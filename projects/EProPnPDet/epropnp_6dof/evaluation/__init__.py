"""Evaluation of pose estimates; :mod:`.pose_metric` is the mmengine metric."""
