"""The detector, stage by stage; importing registers all of it.

Read :mod:`.structures` first (what travels between the stages), then :mod:`.head` (their order).
The folders are those of the paper's figure: ``proposals`` -> ``objects`` -> ``pose``, then
``inference`` or ``training``. Letters and frames are those of :mod:`epropnp_det`.
"""

from . import inference, objects, pose, proposals, training  # only registration
from .detector import EProPnPDet
from .head import DeformPnPHead
from .tta import EProPnPDetTTAModel

__all__ = [
    "DeformPnPHead",
    "EProPnPDet",
    "EProPnPDetTTAModel",
    "inference",
    "objects",
    "pose",
    "proposals",
    "training",
]
