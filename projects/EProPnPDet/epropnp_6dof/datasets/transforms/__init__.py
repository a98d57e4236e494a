"""Pipeline from an annotation to a crop; importing registers the transforms."""

from .background import ReplaceBackground
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
]
