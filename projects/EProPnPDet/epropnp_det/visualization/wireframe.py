"""3D boxes drawn into a camera image as wire frames."""

import cv2
import numpy as np

from epropnp_data.geometry.boxes import CORNER_SIGNS
from epropnp_data.geometry.camera import NEAR_PLANE, clip_edges, project_points

FRONT_FACE = np.array([4, 5, 7, 6])  # corners with x = +1, in order around the face
FRONT_OPACITY = 0.22

Color = tuple[int, int, int]  # blue, green, red


def draw_box(
    image: np.ndarray, corners_cam: np.ndarray, intrinsic: np.ndarray, color: Color, width: int = 2
) -> np.ndarray | None:
    """Draw one box into ``image``; its front face is filled lightly.

    Args:
        image: (h, w, 3) uint8, changed in place.
        corners_cam: (8, 3) corners in the order of ``CORNER_SIGNS``, camera frame, metres.
        intrinsic: (3, 3) camera matrix of this image.
        color: line colour.
        width: line width in pixels.

    Returns:
        Bounds (4,) x1, y1, x2, y2 of the drawn box within the image, or None when nothing of it
        is in the image.
    """
    segments = clip_edges(corners_cam)
    if len(segments) == 0:
        return None
    pixels = project_points(segments, intrinsic)
    height, wide = image.shape[:2]
    low, high = pixels.reshape(-1, 2).min(0), pixels.reshape(-1, 2).max(0)
    if (high < 0).any() or (low > (wide, height)).any():
        return None
    _fill_front(image, corners_cam, intrinsic, color)
    for start, end in pixels:
        inside, first, last = cv2.clipLine(
            (-wide, -height, 3 * wide, 3 * height), _point(start), _point(end)
        )
        if inside:
            cv2.line(image, first, last, color, width, cv2.LINE_AA)
    return np.clip([*low, *high], 0, [wide - 1, height - 1] * 2)


def _fill_front(
    image: np.ndarray, corners_cam: np.ndarray, intrinsic: np.ndarray, color: Color
) -> None:
    face = corners_cam[FRONT_FACE]
    if (face[:, 2] <= NEAR_PLANE).any():
        return
    pixels = project_points(face, intrinsic)
    height, width = image.shape[:2]
    low = np.clip(np.floor(pixels.min(0)), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(pixels.max(0)) + 1, 0, (width, height)).astype(int)
    if (high <= low).any():
        return
    patch = image[low[1] : high[1], low[0] : high[0]]
    limit = 8 * max(height, width)  # cv2 draws with 16-bit coordinates
    polygon = np.clip(np.round(pixels), -limit, limit).astype(np.int32) - low
    filled = cv2.fillConvexPoly(patch.copy(), polygon, color)
    patch[:] = cv2.addWeighted(filled, FRONT_OPACITY, patch, 1 - FRONT_OPACITY, 0)


def _point(pixel: np.ndarray) -> tuple[int, int]:
    # Coordinates far outside would overflow in cv2; the direction of the line is kept well enough.
    return tuple(int(value) for value in np.clip(np.round(pixel), -(2**20), 2**20))


assert (CORNER_SIGNS[FRONT_FACE, 0] > 0).all()
