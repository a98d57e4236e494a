"""Rigid poses as a quaternion and a translation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation


def quaternion_from_yaw(yaw: float) -> tuple[float, float, float, float]:
    """Unit quaternion (w, x, y, z) of a rotation about +z."""
    return (float(np.cos(yaw / 2)), 0.0, 0.0, float(np.sin(yaw / 2)))


def matrix_from_quaternion(quaternion: Sequence[float]) -> NDArray:
    """Rotation matrix (3, 3) of a quaternion (w, x, y, z), which need not be normalised."""
    return Rotation.from_quat(np.roll(quaternion, -1)).as_matrix()


def quaternion_from_matrix(rotation: NDArray) -> tuple[float, float, float, float]:
    """Quaternion (w, x, y, z), w not negative, of a rotation matrix (3, 3)."""
    x, y, z, w = Rotation.from_matrix(rotation).as_quat().tolist()
    return (w, x, y, z) if w >= 0 else (-w, -x, -y, -z)


@dataclass(frozen=True)
class Pose:
    """Rigid transform from a child frame to its parent frame.

    Attributes:
        rotation: quaternion (w, x, y, z).
        translation: (x, y, z) in metres, in the parent frame.
    """

    rotation: tuple[float, float, float, float]
    translation: tuple[float, float, float]

    @classmethod
    def from_yaw(cls, yaw: float, x: float, y: float, z: float = 0.0) -> Pose:
        """Pose turned about +z only."""
        return cls(quaternion_from_yaw(yaw), (float(x), float(y), float(z)))

    @property
    def matrix(self) -> NDArray:
        """Rotation (3, 3)."""
        return matrix_from_quaternion(self.rotation)

    def apply(self, points: NDArray) -> NDArray:
        """Move points (..., 3) from the child frame to the parent frame."""
        return points @ self.matrix.T + np.asarray(self.translation)

    def apply_inverse(self, points: NDArray) -> NDArray:
        """Move points (..., 3) from the parent frame to the child frame."""
        return (points - np.asarray(self.translation)) @ self.matrix
