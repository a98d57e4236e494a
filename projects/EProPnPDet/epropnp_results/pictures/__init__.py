"""Pictures of results: numpy and OpenCV, BGR uint8; for both networks.

* ``boxes``: 3D boxes in an image.  ``points``: correspondences.  ``birds_eye``: the ground from
  above with position densities.  ``heading``: heading density as a polar plot.
* ``maps``: weights and attention of an object in the image, and its small pictures.
* ``picture``: chosen views of an image, or of all cameras of one moment, in one picture.
* ``palette``: colours that people with any kind of colour vision tell apart.
"""

from .birds_eye import Plane, draw_plane
from .boxes import draw_box, draw_boxes
from .heading import draw_heading
from .maps import draw_maps, draw_panels
from .picture import USUAL, VIEWS, draw_result, draw_surround
from .points import draw_points

__all__ = [
    "USUAL",
    "VIEWS",
    "Plane",
    "draw_box",
    "draw_boxes",
    "draw_heading",
    "draw_maps",
    "draw_panels",
    "draw_plane",
    "draw_points",
    "draw_result",
    "draw_surround",
]
