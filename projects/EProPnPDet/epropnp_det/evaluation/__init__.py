"""Evaluation: predictions of camera images -> scores.

nuScenes, by a results file that the official evaluator reads:

* ``metric``: the registered metric; collects predictions and runs the steps below.
* ``boxes``, ``attributes``, ``merging``: camera boxes to one list of global boxes per keyframe.
* ``submission``, ``submission_check``: the results file, and what the server would reject.
* ``official``: the devkit's evaluator on a results file.

Any data that lie in a plain file, image by image:

* ``plain_metric``: the registered metric.  ``plain_boxes``: true and found boxes in one form.
* ``plain_scores``: ``average_precision`` by distance and ``overlap``, errors, ``pose_calibration``.

KITTI: ``kitti_metric``, official scores by mmdet3d; ``kitti_overlap`` lets them run without CUDA.

Letters: N boxes, K classes. Metres, radians.
"""

from .kitti_metric import KittiMonoMetric
from .metric import NuScenesMono3DMetric
from .official import evaluate_results_file, format_table
from .plain_metric import Mono3DMetric

__all__ = [
    "KittiMonoMetric",
    "Mono3DMetric",
    "NuScenesMono3DMetric",
    "evaluate_results_file",
    "format_table",
]
