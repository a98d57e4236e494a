"""Evaluation: predictions of camera images -> nuScenes results file -> official scores.

* ``metric``: the registered metric; collects predictions and runs the steps below.
* ``boxes``, ``attributes``, ``merging``: camera boxes to one list of global boxes per keyframe.
* ``submission``, ``submission_check``: the results file, and what the server would reject.
* ``official``: the devkit's evaluator on a results file.

Letters: N boxes, K classes. Metres, radians.
"""

from .metric import NuScenesMono3DMetric
from .official import evaluate_results_file, format_table

__all__ = ["NuScenesMono3DMetric", "evaluate_results_file", "format_table"]
