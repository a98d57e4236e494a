"""Correspondences in an image, coloured by weight or by object coordinate."""

import cv2
import numpy as np

from ..records import ImageResult, ObjectResult
from .palette import viridis

MODES = ("weight", "across", "down", "coordinate")


def draw_points(
    image: np.ndarray, result: ImageResult, arrays: dict[str, np.ndarray], mode: str = "weight"
) -> np.ndarray:
    """Copy of an image with the correspondences of all objects, strong ones last.

    Args:
        image: (h, w, 3), of any size.
        result: the record.
        arrays: its arrays; without correspondences the image stays as it is.
        mode: "weight" (both axes together), "across" (u), "down" (v) or "coordinate" (position in
            the object: x, y, z as red, green, blue).

    Raises:
        ValueError: another mode.
    """
    canvas = image.copy()
    scale = np.array([image.shape[1] / result.width, image.shape[0] / result.height])
    radius = max(2, round(image.shape[1] / 500))
    for index, item in enumerate(result.objects if "points_image" in arrays else []):
        weights = arrays["weights"][index].astype(float)
        colors = point_colors(item, weights, arrays["points_object"][index], mode)
        pixels = arrays["points_image"][index] * scale
        for point in np.argsort(np.linalg.norm(weights, axis=-1)):
            at = tuple(int(v) for v in np.clip(np.round(pixels[point] * 16), -(2**28), 2**28))
            cv2.circle(canvas, at, radius * 16 + 12, (0, 0, 0), -1, cv2.LINE_AA, 4)
            cv2.circle(canvas, at, radius * 16, colors[point].tolist(), -1, cv2.LINE_AA, 4)
    return canvas


def point_colors(
    item: ObjectResult, weights: np.ndarray, points_object: np.ndarray, mode: str
) -> np.ndarray:
    """Colours (n, 3) of points with weights (n, 2), relative to the largest of the object."""
    if mode == "coordinate":
        share = points_object.astype(float) / np.array(item.size) + 0.5
        return (255 * np.clip(share[:, ::-1], 0, 1)).astype(np.uint8)
    if mode not in MODES:
        raise ValueError(f"mode must be one of {MODES}, got {mode!r}")
    columns = dict(across=weights[:, 0], down=weights[:, 1])
    values = columns.get(mode, np.linalg.norm(weights, axis=-1))
    return viridis(np.sqrt(values / max(values.max(), 1e-12)))
