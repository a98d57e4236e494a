"""Overlap of rectangles on the ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def footprint_corners(x: float, y: float, yaw: float, length: float, width: float) -> NDArray:
    """Corners (4, 2) of a rectangle on the ground."""
    half = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * [length / 2, width / 2]
    c, s = np.cos(yaw), np.sin(yaw)
    return half @ np.array([[c, s], [-s, c]]) + [x, y]


def footprints_overlap(a: NDArray, b: NDArray) -> bool:
    """Whether two rectangles given by corners (4, 2) overlap (separating axis test)."""
    for corners in (a, b):
        for axis in (corners[1] - corners[0], corners[2] - corners[1]):
            pa, pb = a @ axis, b @ axis
            if pa.max() <= pb.min() or pb.max() <= pa.min():
                return False
    return True
