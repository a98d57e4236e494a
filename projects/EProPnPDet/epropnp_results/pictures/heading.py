"""Heading density of one object as a polar plot that turns as the bird's-eye view does."""

import cv2
import numpy as np

from ..records import ImageResult
from ..regions import credible_threshold
from ..space import ground_to_plane
from .palette import BACKGROUND, CHOSEN, RING, TRUTH, viridis, write

LEVELS = (0.5, 0.9)


def draw_heading(
    result: ImageResult,
    index: int,
    density: np.ndarray,
    truth_yaw: float | None = None,
    side: int = 240,
) -> np.ndarray:
    """Picture (side, side, 3) of the heading density of object ``index``.

    Args:
        result: the record.
        index: object.
        density: (G,) at even steps from -pi.
        truth_yaw: heading of the true object in the ground frame.
        side: pixels.
    """
    canvas = np.full((side, side, 3), BACKGROUND, np.uint8)
    density = density.astype(float)
    middle, inner, outer = side / 2, 0.12 * side, 0.42 * side
    bounds = [credible_threshold(density, level) for level in LEVELS]
    step = 2 * np.pi / len(density)
    for radius in (inner, outer):
        cv2.circle(canvas, (side // 2, side // 2), round(radius), RING, 1, cv2.LINE_AA)

    def at(yaw: float, radius: float) -> np.ndarray:
        return middle + radius * screen_direction(result, yaw)

    for cell, value in enumerate(density):
        yaw, radius = (
            -np.pi + cell * step,
            inner + (outer - inner) * value / max(density.max(), 1e-12),
        )
        share = 0.95 if value >= bounds[0] else 0.6 if value >= bounds[1] else 0.25
        corners = [
            at(yaw + s * step / 2, r)
            for s, r in ((-1, inner), (-1, radius), (1, radius), (1, inner))
        ]
        color = viridis(np.array(share)).tolist()
        cv2.fillConvexPoly(
            canvas, np.int32(np.round(16 * np.array(corners))), color, cv2.LINE_AA, 4
        )
    needles = [
        (result.objects[index].yaw, CHOSEN),
        *([(truth_yaw, TRUTH)] if truth_yaw is not None else []),
    ]
    for yaw, color in needles:
        ends = [tuple(int(v) for v in np.round(16 * at(yaw, r))) for r in (0, 1.08 * outer)]
        cv2.line(canvas, *ends, color, max(1, side // 120), cv2.LINE_AA, 4)
    item = result.objects[index]
    write(canvas, f"{item.label} {item.score:.2f}", (5, 14), CHOSEN, 9)
    return canvas


def screen_direction(result: ImageResult, yaw: float) -> np.ndarray:
    """Direction (2,) of a heading on the screen, right and down; forward is up."""
    motion = ground_to_plane(result)[:, :2]
    right, forward = motion @ np.array([np.cos(yaw), -np.sin(yaw)])
    return np.array([right, -forward])
