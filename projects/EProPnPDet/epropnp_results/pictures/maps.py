"""Where in the image an object looks: maps of its weights and attention, and panels of it."""

import cv2
import numpy as np

from ..records import ImageResult
from .palette import BACKGROUND, TEXT, viridis, write

MARGIN = 0.3  # of the object's box, on each side
BLUR = 1 / 18  # of the picture's side
OPACITY = 0.85
PANEL = "panel_"  # beginning of the names of small pictures among the arrays


def draw_maps(
    image: np.ndarray, result: ImageResult, arrays: dict[str, np.ndarray], index: int, side: int
) -> np.ndarray:
    """Crops of one object, (side, k side, 3), under its weights across and down, and attention.

    Args:
        image: (h, w, 3), of any size; it shows what the record's image shows.
        result: the record.
        arrays: its arrays; maps of what is not there are left out.
        index: object.
        side: pixels.
    """
    scale = np.array([image.shape[1] / result.width, image.shape[0] / result.height])
    points = arrays["points_image"][index].astype(float) * scale
    motion = _window(result, index, points, scale, side)
    crop = cv2.warpAffine(image, motion, (side, side), borderValue=BACKGROUND)
    places = points @ motion[:, :2].T + motion[:, 2]
    weights = arrays["weights"][index].astype(float)
    values = dict(across=weights[:, 0], down=weights[:, 1])
    if "attention" in arrays:
        values["attention"] = arrays["attention"][index].astype(float)
    return np.hstack([_tile(crop, places, each, title) for title, each in values.items()])


def draw_panels(arrays: dict[str, np.ndarray], index: int, side: int, lines: int = 1) -> np.ndarray:
    """Small pictures of one object in so many lines, (side, W, 3): ``panel_...`` of its arrays."""
    tiles, height = [], side // lines
    for name in sorted(name for name in arrays if name.startswith(PANEL)):
        picture = arrays[name][index]
        width = round(picture.shape[1] * height / picture.shape[0])
        tile = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        write(tile, name.removeprefix(PANEL).replace("_", " "), (4, 12), TEXT, 8)
        tiles.append(tile)
    if not tiles:
        return np.zeros((side, 0, 3), np.uint8)
    canvas = np.full((side, _shortest(tiles, lines), 3), BACKGROUND, np.uint8)
    left = top = 0
    for tile in tiles:
        if left + tile.shape[1] > canvas.shape[1]:
            left, top = 0, top + height
        canvas[top : top + height, left : left + tile.shape[1]] = tile
        left += tile.shape[1]
    return canvas


def _shortest(tiles: list[np.ndarray], lines: int) -> int:
    """Least width that lets tiles, in their order, fit into so many lines."""
    widths = [tile.shape[1] for tile in tiles]
    candidates = sorted(
        {sum(widths[i:j]) for i in range(len(widths)) for j in range(i + 1, len(widths) + 1)}
    )
    return next(width for width in candidates if _lines_of(widths, width) <= lines)


def _lines_of(widths: list[int], width: int) -> float:
    """Lines that tiles take in a given width; infinite where one does not fit."""
    if max(widths) > width:
        return np.inf
    count, left = 1, 0
    for own in widths:
        if left + own > width:
            count, left = count + 1, 0
        left += own
    return count


def heat(places: np.ndarray, values: np.ndarray, side: int) -> np.ndarray:
    """Values (n,) at pixels (n, 2) as a smooth map (side, side), its largest 1."""
    canvas = np.zeros((side, side), np.float32)
    columns, rows = np.floor(places).astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < side) & (rows < side)
    np.add.at(canvas, (rows[inside], columns[inside]), values[inside])
    blurred = cv2.GaussianBlur(canvas, (0, 0), max(1.0, BLUR * side))
    return blurred / max(float(blurred.max()), 1e-12)


def _tile(crop: np.ndarray, places: np.ndarray, values: np.ndarray, title: str) -> np.ndarray:
    share = heat(places, values, len(crop))
    opacity = OPACITY * np.sqrt(share)[..., None]
    tile = ((1 - opacity) * crop + opacity * viridis(share)).astype(np.uint8)
    write(tile, title, (4, 12), TEXT, 8)
    return tile


def _window(
    result: ImageResult, index: int, points: np.ndarray, scale: np.ndarray, side: int
) -> np.ndarray:
    """Affine map (2, 3) of the square around an object's box to a picture."""
    bbox = result.objects[index].bbox
    low, high = (
        np.quantile(points, (0.05, 0.95), axis=0)
        if bbox is None
        else np.array(bbox).reshape(2, 2) * scale
    )
    middle = (low + high) / 2
    zoom = side / max(float((high - low).max()) * (1 + 2 * MARGIN), 4.0)
    shift = side / 2 - zoom * middle
    return np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])
