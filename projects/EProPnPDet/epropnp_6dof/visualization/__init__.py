"""Pictures of poses, coordinate maps, weight maps and orientation densities; numpy and cv2."""

from .dense_maps import coordinate_picture, weight_picture
from .orientation import orientation_picture
from .overlay import draw_box, draw_contour, draw_model

__all__ = [
    "coordinate_picture",
    "draw_box",
    "draw_contour",
    "draw_model",
    "orientation_picture",
    "weight_picture",
]
