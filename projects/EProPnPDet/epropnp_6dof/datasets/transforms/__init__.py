"""Pipeline from an annotation to a crop; importing registers the transforms."""

from .background import ReplaceBackground
from .camera_rotation import RotateCamera
from .cropping import ColorJitter, CropObject
from .loading import LoadBOPImage, LoadObjectCoordinates
from .packing import PackPoseInputs

__all__ = [
    "ColorJitter",
    "CropObject",
    "LoadBOPImage",
    "LoadObjectCoordinates",
    "PackPoseInputs",
    "ReplaceBackground",
    "RotateCamera",
]
