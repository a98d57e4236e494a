"""A rendered model over its image, and its outline."""

import cv2
import numpy as np

from .palette import Color

OPACITY = 0.5


def draw_model(
    image: np.ndarray,
    coords: np.ndarray,
    mask: np.ndarray,
    corner_min: np.ndarray,
    size: np.ndarray,
) -> np.ndarray:
    """Copy of an image with the rendered model over it, coloured by object coordinate.

    Args:
        image: picture.
        coords: (H, W, 3) rendered object coordinates, metres.
        mask: (H, W) pixels of the model.
        corner_min: (3,) least corner of the model's box.
        size: (3,) its sides.
    """
    colors = 255 * ((coords - corner_min) / size).clip(0, 1)
    blend = (1 - OPACITY) * image + OPACITY * colors
    return np.where(mask[..., None] > 0, blend, image).astype(np.uint8)


def draw_contour(image: np.ndarray, mask: np.ndarray, color: Color) -> np.ndarray:
    """Copy of an image with the outlines of a mask (H, W) in it."""
    canvas = image.copy()
    outlines, _ = cv2.findContours(
        (mask > 0).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    cv2.drawContours(canvas, outlines, -1, color, 1)
    return canvas
