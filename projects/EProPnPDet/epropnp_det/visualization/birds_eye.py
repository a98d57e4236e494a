"""Bird's-eye view of the boxes around the ego vehicle."""

from typing import NamedTuple

import cv2
import numpy as np

from epropnp_results.pictures.palette import BACKGROUND, RING, TEXT, Color

EGO_SIZE = (4.1, 1.8)  # metres, length and width of the recording car
BOTTOM = np.array([0, 2, 6, 4])  # corners with z = -1, in order around the box


class Canvas(NamedTuple):
    """A square view centred on the ego vehicle, its forward direction up.

    Attributes:
        image: (size, size, 3) uint8.
        scale: pixels per metre.
    """

    image: np.ndarray
    scale: float

    def pixels(self, points_ego: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) of ego-frame points (..., 2 or 3); x is forward, y left."""
        center = self.image.shape[0] / 2
        return np.stack(
            [center - self.scale * points_ego[..., 1], center - self.scale * points_ego[..., 0]], -1
        )


def new_canvas(size: int, reach: float) -> Canvas:
    """Empty view with a ring every 10 m and the ego vehicle.

    Args:
        size: side in pixels.
        reach: metres from the centre to the border.
    """
    canvas = Canvas(np.full((size, size, 3), BACKGROUND, dtype=np.uint8), size / (2 * reach))
    middle = (size // 2, size // 2)
    for radius in range(10, int(reach * 1.5), 10):
        cv2.circle(canvas.image, middle, round(radius * canvas.scale), RING, 1, cv2.LINE_AA)
        if radius < reach:
            at = (middle[0] + 3, middle[1] - round(radius * canvas.scale) - 3)
            cv2.putText(canvas.image, f"{radius} m", at, 0, size / 2000, RING, 1, cv2.LINE_AA)
    half = 0.5 * np.array(EGO_SIZE)
    outline = half * np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]])
    cv2.fillConvexPoly(canvas.image, np.int32(canvas.pixels(outline)), TEXT, cv2.LINE_AA)
    return canvas


def draw_footprint(canvas: Canvas, corners_ego: np.ndarray, color: Color, width: int = 2) -> None:
    """Draw the outline of one box and a line from its centre through its front.

    Args:
        canvas: changed in place.
        corners_ego: (8, 3) corners in the order of ``CORNER_SIGNS``, ego frame, metres.
        color: line colour.
        width: line width in pixels.
    """
    outline = canvas.pixels(corners_ego[BOTTOM])
    center = canvas.pixels(corners_ego.mean(0))
    front = canvas.pixels(corners_ego[4:].mean(0))
    shift = 4  # sixteenths of a pixel
    lines = [np.int32(outline * 2**shift), np.int32(np.stack([center, front]) * 2**shift)]
    cv2.polylines(canvas.image, lines[:1], True, color, width, cv2.LINE_AA, shift)
    cv2.polylines(canvas.image, lines[1:], False, color, width, cv2.LINE_AA, shift)
