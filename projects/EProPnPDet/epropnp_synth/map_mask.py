"""Map masks: where one may drive, as images in the layout of nuScenes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from .road import PARKING, Road

PIXELS_PER_METRE = 10  # fixed by nuScenes
MARGIN = 100.0  # metres beyond the road, as wide as the devkit's renderings


def road_outline(road: Road, half_width: float) -> np.ndarray:
    """Closed outline (n, 2) of the road in global coordinates."""
    stations = np.linspace(0, road.length, 200)
    left = [road.locate(s, half_width)[:2] for s in stations]
    right = [road.locate(s, -half_width)[:2] for s in stations[::-1]]
    return np.asarray(left + right)


def write_map_mask(path: Path, road: Road) -> None:
    """Write the drivable area as white on black; row 0 is the largest y."""
    outline = road_outline(road, PARKING[1])
    width, height = np.ceil((outline.max(0) + MARGIN) * PIXELS_PER_METRE).astype(int)
    mask = np.zeros((height, width), np.uint8)
    pixels = outline * [1, -1] * PIXELS_PER_METRE + [0, height]
    cv2.fillPoly(mask, [np.round(pixels).astype(np.int32)], 255)
    if not cv2.imwrite(str(path), mask):
        raise OSError(f"cannot write the map mask {path}")
