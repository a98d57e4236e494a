"""Images within a number of bytes."""

from pathlib import Path

import cv2
import numpy as np

from epropnp_data.errors import SampleError
from epropnp_data.images import reading

from .. import ResultsError

RUNGS = (  # (largest width, WebP quality), best first
    (1280, 80),
    (960, 75),
    (960, 60),
    (800, 55),
    (640, 50),
    (480, 45),
    (320, 40),
    (240, 30),
)
THUMBNAIL = (160, 40)  # width, quality


def read_image(path: Path) -> np.ndarray:
    """Image (h, w, 3) BGR.

    Raises:
        ResultsError: it is missing or not readable.
    """
    try:
        return reading.read_image(path)
    except SampleError as error:
        raise ResultsError(
            f"{error}; the page needs it where it was when the results were made"
        ) from None


def encode_within(image: np.ndarray, max_bytes: float, first: int = 0) -> tuple[bytes, int]:
    """Best WebP of at most so many bytes, or the smallest one that is tried.

    Args:
        image: (h, w, 3) BGR.
        max_bytes: limit.
        first: rung to begin with.

    Returns:
        The file and its rung of ``RUNGS``.
    """
    for rung in range(first, len(RUNGS)):
        data = encode(image, *RUNGS[rung])
        if len(data) <= max_bytes:
            break
    return data, rung


def encode(image: np.ndarray, width: int, quality: int) -> bytes:
    """WebP of an image, at most ``width`` wide."""
    if image.shape[1] > width:
        size = (width, max(1, round(image.shape[0] * width / image.shape[1])))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise ResultsError("this OpenCV cannot write WebP: install opencv-python-headless")
    return data.tobytes()
