"""Poses in an image, and what the network saw of each object."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import nn

from epropnp_results import TruthBox
from epropnp_results.pictures import draw_result

from ..bop.models import ObjectModel
from ..datasets.coordinate_cache import CoordinateCache
from ..explained_results import explain_image
from ..inference import ImageObject, ObjectPose

VIEWS = ("boxes", "panels")
ROWS = 1  # objects whose panels are shown


def draw_poses(
    image: np.ndarray,
    target: ImageObject,
    found: Sequence[ObjectPose],
    solver: nn.Module | None,
    models: dict[int, ObjectModel],
    meshes: CoordinateCache | None = None,
    truth: list[TruthBox] | None = None,
) -> np.ndarray:
    """Boxes in the image (found orange, true blue), and beside it the panels of the first object.

    Args:
        image: (h, w, 3) BGR.
        target: what was asked for in the image; its camera and its name are used.
        found: poses; those that are not valid are left out.
        solver: of the network; without a density (RANSAC) that panel is left out.
        models: by object id.
        meshes: of the models; with them a panel shows the model and its contour.
        truth: annotated objects.
    """
    valid = [item for item in found if item.valid]
    name = str(target.image_path)
    record, arrays = explain_image(image, name, target.cam_mat, valid, solver, models, meshes)
    return draw_result(image, replace(record, truth=truth), arrays, VIEWS, ROWS)
