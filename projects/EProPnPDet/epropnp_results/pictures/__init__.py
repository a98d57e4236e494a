"""Pictures of results: numpy and OpenCV, BGR uint8; for both networks.

* ``boxes``: 3D boxes in an image.  ``points``: correspondences.  ``birds_eye``: the ground from
  above with position densities.  ``heading``: heading density as a polar plot.
* ``maps``: weights and attention of an object in the image, and its small pictures.
* ``dense_maps``: coordinates and weights of a crop.  ``orientation``: density of an orientation.
  ``overlay``: rendered model and its outline.
* ``picture``: chosen views of an image, or of all cameras of one moment, in one picture.
* ``palette``: colours that people with any kind of colour vision tell apart.
"""

from .birds_eye import Plane, draw_plane
from .boxes import draw_box, draw_boxes
from .dense_maps import coordinate_picture, weight_picture
from .heading import draw_heading
from .maps import draw_maps, draw_panels
from .orientation import orientation_picture
from .overlay import draw_contour, draw_model
from .picture import USUAL, VIEWS, draw_result, draw_surround
from .points import draw_points

__all__ = [
    "USUAL",
    "VIEWS",
    "Plane",
    "coordinate_picture",
    "draw_box",
    "draw_boxes",
    "draw_contour",
    "draw_heading",
    "draw_maps",
    "draw_model",
    "draw_panels",
    "draw_plane",
    "draw_points",
    "draw_result",
    "draw_surround",
    "orientation_picture",
    "weight_picture",
]
