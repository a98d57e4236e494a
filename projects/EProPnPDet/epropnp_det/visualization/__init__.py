"""Pictures of results: 3D boxes in the camera images and a bird's-eye view.

* ``wireframe``: one box in one image.  ``birds_eye``: footprints around the ego vehicle.
* ``keyframe_view``: images, poses and ground truth of a keyframe.
* ``visualizer``: data samples through mmengine's visualizer, and a hook.
* ``picture``: all of it in one picture.  ``detections``: one image alone, without tables.
"""

from .birds_eye import draw_footprint, new_canvas
from .detections import draw_detections
from .keyframe_view import CameraView, KeyframeView, ground_truth, load_keyframe
from .picture import PictureStyle, draw_keyframe
from .visualizer import DetectionVisualizer, DrawDetectionsHook
from .wireframe import draw_box

__all__ = [
    "CameraView",
    "DetectionVisualizer",
    "DrawDetectionsHook",
    "KeyframeView",
    "PictureStyle",
    "draw_box",
    "draw_detections",
    "draw_footprint",
    "draw_keyframe",
    "ground_truth",
    "load_keyframe",
    "new_canvas",
]
