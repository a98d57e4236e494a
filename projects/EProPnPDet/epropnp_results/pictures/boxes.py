"""3D boxes in an image, cut at the near plane."""

import cv2
import numpy as np

from epropnp_data.geometry.camera import NEAR_PLANE, clip_edges, project_points

from ..records import ImageResult, ObjectResult, TruthBox, corners
from .palette import FOUND, TRUTH, Color, text_width, write

FRONT = np.array([4, 5, 7, 6])  # corners with x = +1, around the face
OPACITY = 0.25
SHIFT = 4  # cv2 draws in sixteenths of a pixel


def draw_boxes(image: np.ndarray, result: ImageResult, with_truth: bool = True) -> np.ndarray:
    """Copy of an image with the true boxes and over them the found ones, class and score.

    Args:
        image: (h, w, 3), of any size; it shows what the record's image shows.
        result: the record.
        with_truth: draw the annotated boxes, if there are any.
    """
    canvas = image.copy()
    matrix = scaled_intrinsics(result, image)
    width = line_width(image)
    if with_truth:
        for box in sorted(result.truth or [], key=lambda box: -box.translation[2]):
            draw_box(canvas, box, matrix, TRUTH, width)
    labels = []
    size = max(9, image.shape[1] / 130)
    for item in sorted(result.objects, key=lambda item: -item.translation[2]):
        bounds = draw_box(canvas, item, matrix, FOUND, width, fill=True)
        if bounds is not None and bounds[3] - bounds[1] > size:
            labels.append((item.score, f"{item.label} {item.score:.2f}", bounds))
    write_labels(canvas, labels, size)
    return canvas


def write_labels(
    canvas: np.ndarray, labels: list[tuple[float, str, np.ndarray]], size: float
) -> None:
    """Write labels where they cover no other: best scores first, above their boxes or below.

    Args:
        canvas: changed in place.
        labels: score, text and bounds x1, y1, x2, y2 of the box; what finds no place is left out.
        size: height of capitals, pixels.
    """
    height, wide = canvas.shape[:2]
    taken: list[tuple[float, float, float, float]] = []
    for _, text, (x1, y1, _, y2) in sorted(labels, key=lambda label: -label[0]):
        length = text_width(text, size)
        left = float(np.clip(x1, 0, max(wide - length, 0)))
        for bottom in (max(y1 - 3, size + 1), y2 + size + 4):
            own = (left, bottom - size - 2, left + length, bottom + 3)
            if bottom < height and not any(_overlap(own, other) for other in taken):
                write(canvas, text, (left, bottom), FOUND, size)
                taken.append(own)
                break


def _overlap(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return all(first[i] < second[i + 2] and second[i] < first[i + 2] for i in (0, 1))


def draw_box(
    canvas: np.ndarray,
    box: ObjectResult | TruthBox,
    intrinsics: np.ndarray,
    color: Color,
    width: int = 2,
    fill: bool = False,
) -> np.ndarray | None:
    """Draw one box; its front face may be filled lightly.

    Args:
        canvas: changed in place.
        box: what to draw.
        intrinsics: (3, 3) camera matrix of the canvas.
        color: of the lines.
        width: of the lines, pixels.
        fill: fill the front.

    Returns:
        Bounds x1, y1, x2, y2 of what is visible, or None.
    """
    return draw_corners(canvas, corners(box), intrinsics, color, width, fill)


def draw_corners(
    canvas: np.ndarray,
    points: np.ndarray,
    intrinsics: np.ndarray,
    color: Color,
    width: int = 2,
    fill: bool = False,
) -> np.ndarray | None:
    """Draw the box with given corners (8, 3), camera frame; see `draw_box`.

    They are in the order of :data:`epropnp_data.geometry.boxes.CORNER_SIGNS`.
    """
    segments = clip_edges(points)
    if len(segments) == 0:
        return None
    pixels = project_points(segments, intrinsics)
    height, wide = canvas.shape[:2]
    low, high = pixels.reshape(-1, 2).min(0), pixels.reshape(-1, 2).max(0)
    if (high < 0).any() or (low > (wide, height)).any():
        return None
    if fill and (points[FRONT, 2] > NEAR_PLANE).all():
        fill_polygon(canvas, project_points(points[FRONT], intrinsics), color, OPACITY)
    for start, end in pixels:
        draw_line(canvas, start, end, color, width)
    return np.clip([*low, *high], 0, [wide - 1, height - 1] * 2)


def draw_line(
    canvas: np.ndarray, start: np.ndarray, end: np.ndarray, color: Color, width: int
) -> None:
    """Draw between two pixels, however far outside they are."""
    height, wide = canvas.shape[:2]
    ends = [tuple(int(v) for v in np.clip(16 * p, -(2**29), 2**29)) for p in (start, end)]
    window = (-16 * wide, -16 * height, 48 * wide, 48 * height)
    inside, first, last = cv2.clipLine(window, *ends)
    if inside:
        cv2.line(canvas, first, last, color, width, cv2.LINE_AA, SHIFT)


def fill_polygon(canvas: np.ndarray, pixels: np.ndarray, color: Color, opacity: float) -> None:
    """Blend a convex polygon (k, 2) into a canvas."""
    height, wide = canvas.shape[:2]
    low = np.clip(np.floor(pixels.min(0)), 0, (wide, height)).astype(int)
    high = np.clip(np.ceil(pixels.max(0)) + 1, 0, (wide, height)).astype(int)
    if (high <= low).any():
        return
    patch = canvas[low[1] : high[1], low[0] : high[0]]
    limit = 8 * max(height, wide)
    polygon = np.clip(np.round(pixels), -limit, limit).astype(np.int32) - low
    filled = cv2.fillConvexPoly(patch.copy(), polygon, color)
    patch[:] = cv2.addWeighted(filled, opacity, patch, 1 - opacity, 0)


def scaled_intrinsics(result: ImageResult, image: np.ndarray) -> np.ndarray:
    """Camera matrix of an image that was resized."""
    scale = np.array([image.shape[1] / result.width, image.shape[0] / result.height, 1.0])
    return scale[:, None] * np.array(result.intrinsics)


def line_width(image: np.ndarray) -> int:
    """Width of lines that suits an image, pixels."""
    return max(1, round(image.shape[1] / 800))
