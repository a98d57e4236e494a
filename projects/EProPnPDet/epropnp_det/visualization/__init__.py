"""Pictures of results: 3D boxes in the camera images and a bird's-eye view.

* ``birds_eye``: footprints around the ego vehicle. Boxes in images: `epropnp_results.pictures`.
* ``keyframe_view``: images, poses and ground truth of a keyframe.
* ``visualizer``: data samples through mmengine's visualizer.  ``hooks``: in training and test.
* ``network_input``: what training sees, with its targets.
* ``picture``: all of it in one picture.
"""

from .birds_eye import draw_footprint, new_canvas
from .hooks import DrawDetectionsHook, DrawTrainingHook
from .keyframe_view import CameraView, KeyframeView, ground_truth, load_keyframe
from .network_input import draw_predictions, draw_sample
from .picture import PictureStyle, draw_keyframe
from .visualizer import DetectionVisualizer

__all__ = [
    "CameraView",
    "DetectionVisualizer",
    "DrawDetectionsHook",
    "DrawTrainingHook",
    "KeyframeView",
    "PictureStyle",
    "draw_footprint",
    "draw_keyframe",
    "draw_predictions",
    "draw_sample",
    "ground_truth",
    "load_keyframe",
    "new_canvas",
]
