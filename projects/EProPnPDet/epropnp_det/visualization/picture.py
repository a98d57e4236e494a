"""One picture per keyframe: six camera images and a bird's-eye view."""

from typing import NamedTuple

import cv2
import numpy as np

from epropnp_data.geometry.boxes import box_corners
from epropnp_data.geometry.rigid import transform_points
from epropnp_data.nuscenes.taxonomy import CLASSES
from epropnp_results.pictures.boxes import draw_corners
from epropnp_results.pictures.palette import FOUND, TEXT, TRUTH, write

from ..evaluation.boxes import GlobalBoxes
from .birds_eye import draw_footprint, new_canvas
from .keyframe_view import CameraView, KeyframeView

LAYOUT = (
    ("CAM_FRONT_LEFT", "CAM_FRONT", "CAM_FRONT_RIGHT"),
    ("CAM_BACK_LEFT", "CAM_BACK", "CAM_BACK_RIGHT"),
)
TEXT_HEIGHT = 17  # pixels per line
SMALL, LARGE = 8, 11  # height of capitals, pixels


class PictureStyle(NamedTuple):
    """Sizes of a picture.

    Attributes:
        tile_width: width of each camera image in pixels.
        reach: metres that the bird's-eye view shows around the ego vehicle.
        line_width: pixels.
        min_text_height: lower boxes get no class and score, in pixels.
    """

    tile_width: int = 640
    reach: float = 52.0
    line_width: int = 1
    min_text_height: int = 24


def draw_keyframe(
    view: KeyframeView,
    predictions: GlobalBoxes,
    truth: GlobalBoxes | None = None,
    style: PictureStyle | None = None,
) -> np.ndarray:
    """Draw predictions (orange) over ground truth (blue); front faces are filled.

    Args:
        view: images and poses of the keyframe.
        predictions: boxes to draw with class and score.
        truth: annotated boxes, if there are any.
        style: sizes.

    Returns:
        (h, w, 3) uint8 picture; blue, green, red.
    """
    style = style or PictureStyle()
    layers = [(truth, TRUTH, False)] if truth is not None else []
    layers.append((predictions, FOUND, True))
    tiles = {camera.name: _draw_camera(camera, layers, style) for camera in view.cameras}
    height = min(tile.shape[0] for tile in tiles.values())
    rows = [np.hstack([tiles[name][:height] for name in row]) for row in LAYOUT]
    images = np.vstack(rows)
    return np.hstack([images, _draw_birds_eye(view, layers, images.shape[0], style)])


def corners_of(boxes: GlobalBoxes) -> np.ndarray:
    """Corners (N, 8, 3) in the global frame."""
    return box_corners(boxes.centers, boxes.sizes_wlh[:, [1, 0, 2]], boxes.rotations)


def _draw_camera(camera: CameraView, layers: list, style: PictureStyle) -> np.ndarray:
    zoom = style.tile_width / camera.image.shape[1]
    size = (style.tile_width, round(camera.image.shape[0] * zoom))
    image = cv2.resize(camera.image, size, interpolation=cv2.INTER_AREA if zoom < 1 else 2)
    intrinsic = np.diag([zoom, zoom, 1.0]) @ camera.intrinsic
    for boxes, color, with_text in layers:
        corners = transform_points(camera.global_to_cam, corners_of(boxes))
        depth = corners.mean(axis=1)[:, 2]
        for index in np.argsort(-depth):  # far ones first
            if depth[index] <= 0:
                continue
            bounds = draw_corners(
                image, corners[index], intrinsic, color, style.line_width, fill=True
            )
            if with_text and bounds is not None and bounds[3] - bounds[1] >= style.min_text_height:
                text = f"{CLASSES[boxes.labels[index]]} {boxes.scores[index]:.2f}"
                write(image, text, (bounds[0], bounds[1] - 4), color, SMALL)
    write(image, camera.name, (6, TEXT_HEIGHT), TEXT, LARGE)
    return image


def _draw_birds_eye(view: KeyframeView, layers: list, size: int, style: PictureStyle) -> np.ndarray:
    canvas = new_canvas(size, style.reach)
    for boxes, color, _ in layers:
        for corners in transform_points(view.global_to_ego, corners_of(boxes)):
            draw_footprint(canvas, corners, color, style.line_width)
    for line, (boxes, color, with_text) in enumerate(layers, start=1):
        name = "prediction" if with_text else "ground truth"
        text = f"{name} ({len(boxes.labels)})"
        write(canvas.image, text, (8, line * TEXT_HEIGHT), color, LARGE)
    return canvas.image
