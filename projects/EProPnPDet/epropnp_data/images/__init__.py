"""One's own images and their cameras.

* ``cameras``: intrinsics, lens distortion and tilt from the command line or a file.
* ``levelling``: images of tilted cameras as level ones would show them.
* ``sources``: images of folders, videos and cameras, one by one.  ``video``: pictures to an mp4.
"""

from .cameras import Camera, CameraError, camera_from_fov, ground_rotation, read_camera, undistort
from .levelling import LevelView, level_view, move_pixels
from .sources import Frame, Source, SourceError, open_source

__all__ = [
    "Camera",
    "CameraError",
    "Frame",
    "LevelView",
    "Source",
    "SourceError",
    "camera_from_fov",
    "ground_rotation",
    "level_view",
    "move_pixels",
    "open_source",
    "read_camera",
    "undistort",
]
