"""From a camera to the ground plane that all cameras of one moment share.

The plane is (x to the right, z forward) in metres: that of the vehicle where ``camera_to_ego`` is
known, else that of the camera.
"""

import numpy as np

from .records import ImageResult

EGO_TO_PLANE = np.array(
    [[0.0, -1, 0], [0, 0, -1], [1, 0, 0]]
)  # x forward, y left -> x right, z fwd
AROUND = (
    "CAM_FRONT_LEFT",
    "CAM_FRONT",
    "CAM_FRONT_RIGHT",
    "CAM_BACK_LEFT",
    "CAM_BACK",
    "CAM_BACK_RIGHT",
)


def camera_to_ground(result: ImageResult) -> np.ndarray:
    """Rotation (3, 3) from the camera to the ground frame."""
    return np.eye(3) if result.camera_to_ground is None else np.array(result.camera_to_ground)


def ground_to_plane(result: ImageResult) -> np.ndarray:
    """Affine map (2, 3) from (x, z) of a camera's ground frame to the plane."""
    if result.camera_to_ego is None:
        return np.array([[1.0, 0, 0], [0, 1, 0]])
    matrix = np.array(result.camera_to_ego)
    to_plane = EGO_TO_PLANE @ matrix[:3, :3] @ camera_to_ground(result).T
    angle = np.arctan2(to_plane[0, 2] - to_plane[2, 0], to_plane[0, 0] + to_plane[2, 2])
    shift = EGO_TO_PLANE @ matrix[:3, 3]
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, sin, shift[0]], [-sin, cos, shift[2]]])
