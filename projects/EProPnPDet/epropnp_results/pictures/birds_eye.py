"""The ground from above: boxes and position densities; forward is up."""

from typing import NamedTuple

import cv2
import numpy as np

from ..records import ImageResult, ObjectResult, TruthBox, corners
from ..space import camera_to_ground, ground_to_plane
from .palette import BACKGROUND, FAINT, FOUND, RING, TEXT, TRUTH, Color, viridis, write

BOTTOM = np.array([2, 3, 7, 6])  # corners with y = +1 (down), around the face
FRONT = np.array([4, 5, 6, 7])


class Plane(NamedTuple):
    """A view of the ground, in metres (x right, z forward).

    Attributes:
        image: (h, w, 3) uint8.
        scale: pixels per metre.
        origin: pixel (2,) of the vehicle or camera.
    """

    image: np.ndarray
    scale: float
    origin: np.ndarray

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) of points (..., 2)."""
        return self.origin + self.scale * np.asarray(points) * (1, -1)


def new_plane(size: tuple[int, int], reach: float, around: bool) -> Plane:
    """Empty view with a ring every ten metres.

    Args:
        size: width and height, pixels.
        reach: metres from the origin to the upper border.
        around: the origin is in the middle; else near the lower border.
    """
    width, height = size
    image = np.full((height, width, 3), BACKGROUND, np.uint8)
    below = height / 2 if around else height * 0.94
    plane = Plane(image, below / reach, np.array([width / 2, below]))
    center = tuple(int(16 * value) for value in plane.origin)
    for radius in range(10, int(2 * reach), 10):
        cv2.circle(image, center, int(16 * radius * plane.scale), RING, 1, cv2.LINE_AA, 4)
        x, y = plane.pixels((0, radius))
        if y > 12:
            write(image, f"{radius} m", (x + 3, y - 3), FAINT, 8)
    tip = np.array([[0, -9], [6, 6], [-6, 6]]) + plane.origin
    cv2.fillConvexPoly(image, np.int32(np.round(tip)), TEXT, cv2.LINE_AA)
    return plane


def draw_plane(
    results: list[ImageResult],
    arrays: list[dict[str, np.ndarray]],
    size: tuple[int, int] = (640, 640),
    reach: float | None = None,
) -> np.ndarray:
    """Picture of all objects of images of one moment.

    Args:
        results: records of one image, or of all cameras of a vehicle.
        arrays: their arrays; densities are drawn where there are some.
        size: width and height, pixels.
        reach: metres to the upper border; as far as the objects, at most 80, when None.
    """
    around = any(result.camera_to_ego is not None for result in results)
    plane = new_plane(size, reach or _reach(results), around)
    for result, own in zip(results, arrays, strict=True):
        for index in range(len(result.objects) if "ground_density" in own else 0):
            draw_density(plane, result, {name: array[index] for name, array in own.items()})
    for result in results:
        for box in result.truth or []:
            draw_footprint(plane, result, box, TRUTH)
    for result in results:
        for item in result.objects:
            draw_footprint(plane, result, item, FOUND)
    return plane.image


def draw_footprint(
    plane: Plane, result: ImageResult, box: ObjectResult | TruthBox, color: Color, width: int = 2
) -> None:
    """Outline of a box and a line from its centre through its front."""
    points = corners(box) @ camera_to_ground(result).T
    pixels = plane.pixels(to_plane(result, points[:, [0, 2]]))
    outline = np.int32(np.round(16 * pixels[BOTTOM]))
    heading = np.int32(np.round(16 * np.stack([pixels.mean(0), pixels[FRONT].mean(0)])))
    cv2.polylines(plane.image, [outline], True, color, width, cv2.LINE_AA, 4)
    cv2.polylines(plane.image, [heading], False, color, width, cv2.LINE_AA, 4)


def draw_density(plane: Plane, result: ImageResult, own: dict[str, np.ndarray]) -> None:
    """Blend the position density of one object; its grid turns and shifts with the camera."""
    density = np.sqrt(own["ground_density"].astype(float) / max(own["ground_density"].max(), 1e-12))
    x, z = own["ground_x"].astype(float), own["ground_z"].astype(float)
    rows, columns = density.shape
    grid = np.float32([[0, 0], [columns - 1, 0], [0, rows - 1]])
    places = np.array([[x[0], z[0]], [x[-1], z[0]], [x[0], z[-1]]])
    pixels = plane.pixels(to_plane(result, places))
    if not np.isfinite(pixels).all() or np.abs(pixels).max() > 1e5:
        return
    fourth = pixels[1] + pixels[2] - pixels[0]
    corners_px = np.vstack([pixels, fourth])
    height, width = plane.image.shape[:2]
    low = np.clip(np.floor(corners_px.min(0)) - 1, 0, (width, height)).astype(int)
    high = np.clip(np.ceil(corners_px.max(0)) + 2, 0, (width, height)).astype(int)
    if (high <= low).any():
        return
    motion = cv2.getAffineTransform(grid, np.float32(pixels - low))
    size = tuple((high - low).tolist())
    share = cv2.warpAffine(density.astype(np.float32), motion, size, flags=cv2.INTER_LINEAR)
    opacity = np.clip(1.2 * share, 0, 1)[..., None]
    patch = plane.image[low[1] : high[1], low[0] : high[0]]
    patch[:] = ((1 - opacity) * patch + opacity * viridis(0.15 + 0.85 * share)).astype(np.uint8)


def to_plane(result: ImageResult, points: np.ndarray) -> np.ndarray:
    """Plane coordinates (..., 2) of ground-frame points (..., 2) (x, z) of an image's camera."""
    motion = ground_to_plane(result)
    return points @ motion[:, :2].T + motion[:, 2]


def _reach(results: list[ImageResult]) -> float:
    places = [
        np.linalg.norm(to_plane(result, np.array(box.translation)[[0, 2]]))
        for result in results
        for box in [*result.objects, *(result.truth or [])]
    ]
    return float(np.clip(max(places, default=30.0) + 5, 15, 80))
