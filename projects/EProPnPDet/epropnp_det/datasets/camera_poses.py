"""Poses of the cameras of one info entry, each at the camera's own time."""

from typing import NamedTuple

import numpy as np

from epropnp_data.geometry.rigid import invert_rigid


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
    """
    image = info["images"][cam_name]
    cam_to_ego = np.array(image["cam2ego"], dtype=float)
    lidar_to_global = np.array(info["ego2global"], dtype=float) @ np.array(
        info["lidar_points"]["lidar2ego"], dtype=float
    )
    cam_to_lidar = invert_rigid(orthonormal(np.array(image["lidar2cam"], dtype=float)))
    ego_to_global = lidar_to_global @ cam_to_lidar @ invert_rigid(orthonormal(cam_to_ego))
    return CameraPose(cam_to_ego, ego_to_global)


def orthonormal(matrix: np.ndarray) -> np.ndarray:
    """Rigid motion (4, 4) whose rotation lost digits in float32, with its nearest true rotation."""
    left, _, right_t = np.linalg.svd(matrix[:3, :3])
    result = matrix.copy()
    result[:3, :3] = left @ right_t
    return result
