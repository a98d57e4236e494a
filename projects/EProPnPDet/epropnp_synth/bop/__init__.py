"""Procedural textured objects with exact poses, written in the BOP format.

Metres here, millimetres in the files. ``obj`` frame: of the model, z up. ``cam`` frame: x right,
y down, z forward. As everywhere in BOP, integer pixel coordinates are pixel centres: the intrinsics
project to (0, 0) what the first pixel sees in its middle.
"""

from .generate import SyntheticBOPSettings, generate_bop
from .objects import OBJECT_BUILDERS, SyntheticObject, build_object

__all__ = [
    "OBJECT_BUILDERS",
    "SyntheticBOPSettings",
    "SyntheticObject",
    "build_object",
    "generate_bop",
]
