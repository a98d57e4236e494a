"""Rigid motions as matrices.

Matrices act on column vectors; ``a_to_b`` (4, 4) maps homogeneous points of frame a to frame b.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .poses import matrix_from_quaternion


class RigidPose(NamedTuple):
    """Object-to-camera pose: rotation (3, 3) and translation (3,)."""

    rotation: np.ndarray
    translation: np.ndarray

    def apply(self, points_obj: np.ndarray) -> np.ndarray:
        """Move points (..., 3) from the object to the camera frame."""
        return points_obj @ self.rotation.T + self.translation

    def compose(self, inner: "RigidPose") -> "RigidPose":
        """Pose that applies ``inner`` first."""
        return RigidPose(self.rotation @ inner.rotation, self.apply(inner.translation))


def rigid_matrix(rotation_wxyz: Sequence[float], translation: Sequence[float]) -> np.ndarray:
    """Matrix (4, 4) of a quaternion and a translation as the nuScenes tables store them."""
    matrix = np.eye(4)
    matrix[:3, :3] = matrix_from_quaternion(rotation_wxyz)
    matrix[:3, 3] = translation
    return matrix


def invert_rigid(matrix: np.ndarray) -> np.ndarray:
    """Inverse of rigid motions (..., 4, 4)."""
    inverse = np.zeros_like(matrix)
    rotation_t = np.swapaxes(matrix[..., :3, :3], -1, -2)
    inverse[..., :3, :3] = rotation_t
    inverse[..., :3, 3] = -(rotation_t @ matrix[..., :3, 3:])[..., 0]
    inverse[..., 3, 3] = 1.0
    return inverse


def transform_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply a rigid motion (4, 4) to points (..., 3)."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]
