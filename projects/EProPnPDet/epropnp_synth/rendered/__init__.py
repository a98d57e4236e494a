"""Training scenes of any BOP model set, rendered on the CPU.

Several objects stand on a table or float, cover each other and leave the image; clutter, lamps with
shadows, photographs and a camera that blurs and adds noise make up the rest. Metres and the frames
of :mod:`epropnp_data.bop`; world frame: z up, the table is z = 0.
"""

from .backgrounds import BackgroundError
from .generate import Inputs, generate_scenes
from .model_set import ModelSet, read_model_set
from .settings import CameraSettings, RenderSettings, ViewSettings

__all__ = [
    "BackgroundError",
    "CameraSettings",
    "Inputs",
    "ModelSet",
    "RenderSettings",
    "ViewSettings",
    "generate_scenes",
    "read_model_set",
]
