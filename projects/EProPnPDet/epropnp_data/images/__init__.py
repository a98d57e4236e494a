"""One's own images and their cameras.

* ``cameras``: intrinsics, lens distortion and tilt from the command line or a file.
* ``sources``: images of folders, videos and cameras, one by one.
"""

from .cameras import Camera, CameraError, camera_from_fov, ground_rotation, read_camera, undistort
from .sources import Frame, SourceError, open_source

__all__ = [
    "Camera",
    "CameraError",
    "Frame",
    "SourceError",
    "camera_from_fov",
    "ground_rotation",
    "open_source",
    "read_camera",
    "undistort",
]
