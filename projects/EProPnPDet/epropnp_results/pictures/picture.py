"""Chosen views of one image, or of all cameras of one moment, in one picture."""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from ..matching import heading, match_objects
from ..records import ImageResult
from ..space import AROUND, camera_to_ground
from .birds_eye import draw_plane
from .boxes import draw_boxes
from .heading import draw_heading
from .maps import draw_maps, draw_panels
from .palette import BACKGROUND, FOUND, TEXT, TRUTH, write
from .points import draw_points

USUAL = ("boxes", "bev", "density", "points", "heading")
VIEWS = (*USUAL, "maps", "panels")
MAX_ROWS = 4  # objects that views of single ones show
MIN_WIDTH, MAX_WIDTH = 640, 1600  # of one image in a picture


def draw_result(
    image: np.ndarray,
    result: ImageResult,
    arrays: dict[str, np.ndarray],
    views: tuple[str, ...] = USUAL,
    rows: int = MAX_ROWS,
) -> np.ndarray:
    """Image at the left, other views at its right.

    Args:
        image: (h, w, 3) of the record; small ones are enlarged by a whole number, large ones made
            smaller.
        result: the record.
        arrays: its arrays.
        views: "boxes" and "points" in the image, "bev" from above, "density" in it; of the first
            few objects "heading", "maps" (weights and attention in the image) and "panels" (small
            pictures that were kept).
        rows: how many objects such views show at most; fewer are larger.

    Raises:
        ValueError: an unknown view.
    """
    if unknown := sorted(set(views) - set(VIEWS)):
        raise ValueError(f"unknown view {unknown[0]!r}; there are {', '.join(VIEWS)}")
    canvas = image = suited(image)
    if "points" in views:
        canvas = draw_points(canvas, result, arrays)
    if "boxes" in views:
        canvas = draw_boxes(canvas, result)
    _legend(canvas, result)
    columns = [canvas]
    if "bev" in views or "density" in views:
        own = arrays if "density" in views else {}
        columns.append(draw_plane([result], [own], size=(canvas.shape[0],) * 2))
    height = canvas.shape[0]
    if "heading" in views and "yaw_density" in arrays:
        columns.append(_headings(result, arrays["yaw_density"], height, rows))
    if "maps" in views and "points_image" in arrays:
        draw = partial(draw_maps, image, result, arrays)
        columns.append(_rows_of_objects(len(result.objects), height, rows, draw))
    if "panels" in views:
        draw = partial(draw_panels, arrays, lines=2 if rows == 1 else 1)
        columns.append(_rows_of_objects(len(result.objects), height, rows, draw))
    return np.hstack(columns)


def draw_surround(
    images: list[np.ndarray],
    results: list[ImageResult],
    arrays: list[dict[str, np.ndarray]],
    width: int = 560,
) -> np.ndarray:
    """All cameras of one moment, three in a row, and the ground from above at their right.

    Args:
        images: one per camera.
        results: their records.
        arrays: their arrays; empty ones draw no density.
        width: of each image, pixels.
    """
    order = range(len(results))
    if all(result.camera in AROUND for result in results):
        order = sorted(order, key=lambda i: AROUND.index(results[i].camera))
    tiles = []
    for i in order:
        height = round(images[i].shape[0] * width / images[i].shape[1])
        tile = cv2.resize(images[i], (width, height), interpolation=cv2.INTER_AREA)
        tile = draw_boxes(tile, results[i])
        write(tile, results[i].camera or results[i].name, (6, 16), TEXT, 11)
        tiles.append(tile)
    rows = [_row(tiles[start : start + 3], 3 * width) for start in range(0, len(tiles), 3)]
    block = np.vstack(rows)
    side = max(block.shape[0], 320)
    block = _fit_height(block, side)
    plane = draw_plane(results, arrays, size=(side, side))
    _legend(plane, results[0])
    return np.hstack([block, plane])


def _headings(result: ImageResult, densities: np.ndarray, height: int, rows: int) -> np.ndarray:
    truth = [
        None
        if match is None
        else heading(result.truth[match.truth_index], camera_to_ground(result))
        for match in match_objects(result)
    ]

    def draw(index: int, side: int) -> np.ndarray:
        return draw_heading(result, index, densities[index], truth[index], side)

    return _rows_of_objects(len(result.objects), height, rows, draw)


def _rows_of_objects(
    count: int, height: int, most: int, draw: Callable[[int, int], np.ndarray]
) -> np.ndarray:
    """Pictures of the first objects below each other, drawn by index and height."""
    side = height // most
    rows = [draw(index, side) for index in range(min(count, most))]
    return _fit_height(np.vstack(rows) if rows else _blank(0, height // MAX_ROWS), height)


def _legend(canvas: np.ndarray, result: ImageResult) -> None:
    size = max(9, canvas.shape[1] / 130)
    line = canvas.shape[0] - 6
    write(canvas, "found", (6, line), FOUND, size)
    if result.truth is not None:
        write(canvas, "truth", (6 + 5 * size, line), TRUTH, size)


def suited(image: np.ndarray) -> np.ndarray:
    """Image of a size that text and lines can be read in."""
    height, width = image.shape[:2]
    if width < MIN_WIDTH:
        times = -(-MIN_WIDTH // width)
        size = (times * width, times * height)
        return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    if width <= MAX_WIDTH:
        return image
    size = (MAX_WIDTH, round(height * MAX_WIDTH / width))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _row(tiles: list[np.ndarray], width: int) -> np.ndarray:
    height = max(tile.shape[0] for tile in tiles)
    row = np.hstack([_fit_height(tile, height) for tile in tiles])
    return np.hstack([row, _blank(height, width - row.shape[1])])


def _fit_height(picture: np.ndarray, height: int) -> np.ndarray:
    return np.vstack([picture, _blank(height - picture.shape[0], picture.shape[1])])


def _blank(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), BACKGROUND, np.uint8)
