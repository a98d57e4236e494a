"""Rigid poses as a quaternion and a translation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def quaternion_from_yaw(yaw: float) -> tuple[float, float, float, float]:
    """Unit quaternion (w, x, y, z) of a rotation about +z."""
    return (float(np.cos(yaw / 2)), 0.0, 0.0, float(np.sin(yaw / 2)))


def matrix_from_quaternion(quaternion: tuple[float, float, float, float]) -> NDArray:
    """Rotation matrix (3, 3) of a quaternion (w, x, y, z), which need not be normalised."""
    w, x, y, z = np.asarray(quaternion, float) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion_from_matrix(rotation: NDArray) -> tuple[float, float, float, float]:
    """Quaternion (w, x, y, z) of a rotation matrix (3, 3).

    The eigenvector of the largest eigenvalue of Bar-Itzhack's matrix: no case distinction, exact
    to rounding for every rotation.
    """
    r = np.asarray(rotation, float)
    k = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], 0, 0, 0],
            [r[0, 1] + r[1, 0], r[1, 1] - r[0, 0] - r[2, 2], 0, 0],
            [r[0, 2] + r[2, 0], r[1, 2] + r[2, 1], r[2, 2] - r[0, 0] - r[1, 1], 0],
            [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], np.trace(r)],
        ]
    )
    x, y, z, w = np.linalg.eigh(k)[1][:, -1]
    sign = 1.0 if w >= 0 else -1.0
    return (float(sign * w), float(sign * x), float(sign * y), float(sign * z))


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
