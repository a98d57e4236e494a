"""Rigid motions of boxes between the nuScenes frames and the frame of the detector.

Frames: the nuScenes box frame has x forward, y left, z up; the detector's object frame has
x forward (length), y down (height), z left (width). Camera frame: x right, y down, z forward.
Everything here is numpy; N counts boxes, matrices act on column vectors, ``a_to_b`` (4, 4) maps
homogeneous points of frame a to frame b.
"""

import numpy as np
from pyquaternion import Quaternion

# Maps points of the object frame to the nuScenes box frame.
OBJECT_TO_NUSCENES = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])

# Signs of the corners along (x, y, z) of the box frame, and the twelve edges between them.
CORNER_SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)
EDGES = np.array(
    [
        [i, j]
        for i in range(8)
        for j in range(i + 1, 8)
        if np.ptp(CORNER_SIGNS[[i, j]], 0).sum() == 2
    ]
)


def rigid_matrix(rotation_wxyz: list[float], translation: list[float]) -> np.ndarray:
    """Matrix (4, 4) of a quaternion and a translation as the nuScenes tables store them."""
    matrix = np.eye(4)
    matrix[:3, :3] = Quaternion(rotation_wxyz).rotation_matrix
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


def yaw_to_rotation(yaw: np.ndarray) -> np.ndarray:
    """Rotation (N, 3, 3) about the camera's y axis: ``[[c, 0, s], [0, 1, 0], [-s, 0, c]]``."""
    yaw = np.asarray(yaw, dtype=float)
    cos, sin, zero = np.cos(yaw), np.sin(yaw), np.zeros_like(yaw)
    rows = [cos, zero, sin, zero, zero + 1.0, zero, -sin, zero, cos]
    return np.stack(rows, axis=-1).reshape(*yaw.shape, 3, 3)


def rotation_to_yaw(rotation: np.ndarray) -> np.ndarray:
    """Yaw (N,) about the camera's y axis closest to object-to-camera rotations (N, 3, 3)."""
    return np.arctan2(
        rotation[..., 0, 2] - rotation[..., 2, 0], rotation[..., 0, 0] + rotation[..., 2, 2]
    )


def nuscenes_rotation_to_yaw(rotation: np.ndarray) -> np.ndarray:
    """Yaw (N,) of boxes whose nuScenes-box-to-camera rotations are given (N, 3, 3)."""
    return rotation_to_yaw(rotation @ OBJECT_TO_NUSCENES)


def yaw_to_nuscenes_rotation(yaw: np.ndarray) -> np.ndarray:
    """Nuscenes-box-to-camera rotation (N, 3, 3) of boxes with the given yaw (N,)."""
    return yaw_to_rotation(yaw) @ OBJECT_TO_NUSCENES.T


def box_corners(centers: np.ndarray, sizes: np.ndarray, rotations: np.ndarray) -> np.ndarray:
    """Corners of boxes, in the order of ``CORNER_SIGNS``.

    Args:
        centers: (N, 3).
        sizes: (N, 3) extent along the x, y and z axis of the box frame.
        rotations: (N, 3, 3) box frame to the frame of the centres.

    Returns:
        (N, 8, 3) in the frame of the centres.
    """
    local = 0.5 * CORNER_SIGNS * np.asarray(sizes)[:, None, :]
    return local @ np.swapaxes(rotations, -1, -2) + np.asarray(centers)[:, None, :]


def project_points(points_cam: np.ndarray, intrinsic: np.ndarray) -> np.ndarray:
    """Pixels (..., 2) of camera-frame points (..., 3) with z > 0."""
    homogeneous = points_cam @ intrinsic.T
    return homogeneous[..., :2] / homogeneous[..., 2:]
