"""Poses of the cameras of one info entry, each at the camera's own time."""

from typing import NamedTuple

import numpy as np

from epropnp_data.geometry.rigid import invert_rigid

ROTATION_TOLERANCE = 1e-2  # of R R^T from the identity; info files hold float32


class CameraPose(NamedTuple):
    """Where a camera was when it took its image.

    Attributes:
        cam_to_ego: (4, 4) mounting of the camera.
        ego_to_global: (4, 4) ego pose at the camera's timestamp.
    """

    cam_to_ego: np.ndarray
    ego_to_global: np.ndarray


def camera_pose(info: dict, cam_name: str) -> CameraPose:
    """Pose of one camera of an entry of an mmdet3d v2 info file.

    The file stores the ego pose of the lidar's timestamp only, up to 0.4 m away from the one of a
    camera. ``lidar2cam`` is motion compensated, so the camera's own ego pose follows from it.

    Args:
        info: element of ``data_list``.
        cam_name: nuScenes channel, for instance ``CAM_FRONT``.

    Raises:
        ValueError: a matrix is no rigid motion.
    """
    image = info["images"][cam_name]
    cam_to_ego = rigid(image["cam2ego"], "cam2ego")
    lidar_to_ego = rigid(info["lidar_points"]["lidar2ego"], "lidar2ego")
    lidar_to_global = rigid(info["ego2global"], "ego2global") @ lidar_to_ego
    cam_to_lidar = invert_rigid(orthonormal(rigid(image["lidar2cam"], "lidar2cam")))
    ego_to_global = lidar_to_global @ cam_to_lidar @ invert_rigid(orthonormal(cam_to_ego))
    return CameraPose(cam_to_ego, ego_to_global)


def rigid(rows: object, name: str) -> np.ndarray:
    """Rigid motion (4, 4) of a file.

    Args:
        rows: as read.
        name: of the field, for the message.

    Raises:
        ValueError: other numbers than those of a rigid motion.
    """
    matrix = np.array(rows, dtype=float)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise ValueError(f"{name} is no 4x4 matrix of finite numbers: {matrix.tolist()}")
    rotation = matrix[:3, :3]
    distance = np.abs(rotation @ rotation.T - np.eye(3)).max()
    if distance > ROTATION_TOLERANCE or np.linalg.det(rotation) < 0:
        raise ValueError(f"{name} holds no rotation: {rotation.tolist()}")
    return matrix


def camera_matrix(rows: object) -> np.ndarray:
    """Camera matrix (3, 3) of an info file, ``cam2img``.

    Raises:
        ValueError: no finite numbers, a focal length that is not positive, another last row.
    """
    matrix = np.array(rows, dtype=float)
    if matrix.ndim != 2 or min(matrix.shape) < 3 or not np.isfinite(matrix).all():
        raise ValueError(f"cam2img is no 3x3 matrix of finite numbers: {matrix.tolist()}")
    matrix = matrix[:3, :3]
    if min(matrix[0, 0], matrix[1, 1]) <= 0 or not np.allclose(matrix[2], [0, 0, 1]):
        raise ValueError(
            f"cam2img needs positive focal lengths and a last row of 0 0 1: {matrix.tolist()}"
        )
    return matrix


def orthonormal(matrix: np.ndarray) -> np.ndarray:
    """Rigid motion (4, 4) whose rotation lost digits in float32, with its nearest true rotation."""
    left, _, right_t = np.linalg.svd(matrix[:3, :3])
    result = matrix.copy()
    result[:3, :3] = left @ right_t
    return result
