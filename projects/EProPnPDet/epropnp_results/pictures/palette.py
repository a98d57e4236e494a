"""Colours (blue, green, red) after Okabe and Ito, and viridis; text with an outline."""

import cv2
import numpy as np

Color = tuple[int, int, int]

FOUND: Color = (0, 159, 230)  # orange
TRUTH: Color = (233, 180, 86)  # sky blue
CHOSEN: Color = (66, 228, 240)  # yellow
BACKGROUND: Color = (28, 23, 20)
RING: Color = (80, 70, 62)
FAINT: Color = (160, 150, 142)  # of text beside the rings
TEXT: Color = (235, 232, 230)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def viridis(shares: np.ndarray) -> np.ndarray:
    """Colours (..., 3) uint8 of shares (...) in [0, 1], dark to yellow."""
    shares = np.asarray(shares, dtype=float)
    if shares.size == 0:
        return np.zeros((*shares.shape, 3), np.uint8)
    codes = (255 * np.clip(np.nan_to_num(shares), 0, 1)).astype(np.uint8).reshape(-1, 1)
    return cv2.applyColorMap(codes, cv2.COLORMAP_VIRIDIS).reshape(*shares.shape, 3)


def write(
    image: np.ndarray, text: str, place: tuple[float, float], color: Color, size: float
) -> None:
    """Write a line; ``place`` is its lower left pixel, ``size`` the height of capitals."""
    scale, width = _scale(size)
    at = (int(place[0]), int(max(place[1], size + 1)))
    cv2.putText(image, text, at, FONT, scale, (0, 0, 0), width + 2, cv2.LINE_AA)
    cv2.putText(image, text, at, FONT, scale, color, width, cv2.LINE_AA)


def hex_code(color: Color) -> str:
    """``#rrggbb``, as matplotlib takes it."""
    blue, green, red = color
    return f"#{red:02x}{green:02x}{blue:02x}"


def text_width(text: str, size: float) -> int:
    """Pixels that a line takes."""
    return cv2.getTextSize(text, FONT, *_scale(size))[0][0]


def _scale(size: float) -> tuple[float, int]:
    """OpenCV's scale and width of lines for capitals of a height."""
    return size / 21, max(1, round(size / 21 * 1.6))
