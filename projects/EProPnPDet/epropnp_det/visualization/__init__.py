"""Pictures of the detector's data samples, made by `epropnp_results.pictures`.

* ``visualizer``: through mmengine's visualizer.  ``network_input``: what training sees.
* ``keyframe``: results of a nuScenes keyframe, by its tables.
"""

from .keyframe import draw_keyframe, ground_truth
from .network_input import draw_predictions, draw_sample
from .visualizer import DetectionVisualizer

__all__ = [
    "DetectionVisualizer",
    "draw_keyframe",
    "draw_predictions",
    "draw_sample",
    "ground_truth",
]
