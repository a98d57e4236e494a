"""Boxes: corners, edges, and their turn in the nuScenes frame and in that of the detector.

Frames: the nuScenes box frame has x forward, y left, z up; the detector's object frame has
x forward (length), y down (height), z left (width). Camera frame: x right, y down, z forward.
Everything here is numpy; N counts boxes.
"""

import numpy as np

# Maps points of the object frame to the nuScenes box frame.
OBJECT_TO_NUSCENES = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])

# Signs of the corners along (x, y, z) of the box frame, and the twelve edges between them. This is
# the one order of corners, of boxes in every frame and of every package.
CORNER_SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)
EDGES = np.array(
    [
        [i, j]
        for i in range(8)
        for j in range(i + 1, 8)
        if np.ptp(CORNER_SIGNS[[i, j]], 0).sum() == 2
    ]
)


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
