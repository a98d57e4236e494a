"""KITTI's object benchmark: label and calibration files, and the way into the plain file.

Frames: labels are in the rectified frame of the reference camera (camera 0), at the bottom of the
box; the images are those of camera 2, a few centimetres beside it.
"""

from .calibration import CameraCalibration, read_calibration
from .convert import CLASSES, convert_split
from .labels import KittiLabel, read_labels, write_labels

__all__ = [
    "CLASSES",
    "CameraCalibration",
    "KittiLabel",
    "convert_split",
    "read_calibration",
    "read_labels",
    "write_labels",
]
