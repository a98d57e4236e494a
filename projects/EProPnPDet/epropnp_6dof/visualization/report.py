"""One picture per object: image with pose, coordinate map, weight map, orientation density."""

from pathlib import Path

import cv2
import numpy as np
from torch import nn

from epropnp_data.images.reading import read_image
from epropnp_results.pictures.palette import FOUND

from ..bop.models import ObjectModel
from ..datasets.coordinate_cache import CoordinateCache
from ..datasets.transforms.packing import pose_vector
from ..inference import ObjectPose
from ..models.rotations import quaternion_to_matrix
from ..models.structures import DenseMaps
from .dense_maps import coordinate_picture, weight_picture
from .orientation import orientation_picture
from .overlay import draw_box, draw_contour, draw_model

INVALID_COLOR = (150, 150, 150)
PANEL_HEIGHT = 360
FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_report(
    found: ObjectPose, solver: nn.Module, model: ObjectModel, models_dir: Path
) -> np.ndarray:
    """Panels side by side, (360, W, 3) BGR; a solver without a density leaves that panel out.

    Args:
        found: result for one object.
        solver: pose solver of the network.
        model: the object.
        models_dir: folder of its mesh; without one only its box is drawn.
    """
    panels = [
        _fit(_overlay(found, model, models_dir)),
        _titled(coordinate_picture(found.maps.noc.numpy(), PANEL_HEIGHT), "coordinates"),
        _titled(weight_picture(found.maps.weight_logits.numpy(), PANEL_HEIGHT), "weights"),
    ]
    if found.valid and hasattr(solver, "sample"):
        rotations, weights = orientation_samples(found, solver)
        panels.append(_titled(_fit(orientation_picture(rotations, weights)), "orientation density"))
    return np.concatenate(panels, axis=1)


def orientation_samples(found: ObjectPose, solver: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (S, 3, 3) and weights (S,) of the pose density of one object."""
    maps = DenseMaps(*(field[None] for field in found.maps))
    pose = pose_vector(*found.pose)[None]
    samples, weights = solver.sample(maps, found.crop, pose)
    return quaternion_to_matrix(samples[:, 0, 3:]).numpy(), weights[:, 0].numpy()


def _overlay(found: ObjectPose, model: ObjectModel, models_dir: Path) -> np.ndarray:
    image = read_image(found.target.image_path)
    cam_mat = found.target.cam_mat
    maps = CoordinateCache(models_dir, None)
    if found.valid and maps.has_mesh(model.obj_id):
        rendered = maps.get("", model.obj_id, found.pose, cam_mat, image.shape[:2])
        coords, mask = rendered.paste(image.shape[:2])
        image = draw_model(image, coords, mask, model.corner_min, model.size)
        image = draw_contour(image, mask, FOUND)
    color = FOUND if found.valid else INVALID_COLOR
    x, y, w, h = (round(value) for value in found.target.box)
    cv2.rectangle(image, (x, y), (x + w, y + h), (200, 200, 200), 1)
    return draw_box(image, found.pose, model.box_corners, cam_mat, color)


def _fit(picture: np.ndarray) -> np.ndarray:
    width = round(picture.shape[1] * PANEL_HEIGHT / picture.shape[0])
    return cv2.resize(picture, (width, PANEL_HEIGHT), interpolation=cv2.INTER_LINEAR)


def _titled(picture: np.ndarray, title: str) -> np.ndarray:
    canvas = picture.copy()
    cv2.putText(canvas, title, (8, 18), FONT, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
    return canvas
