"""The sensors of the ego vehicle: six cameras and a lidar, mounted as on nuScenes vehicles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epropnp_data.geometry.poses import (
    Pose,
    matrix_from_quaternion,
    quaternion_from_matrix,
    quaternion_from_yaw,
)
from epropnp_data.images import ground_rotation
from epropnp_data.nuscenes.records import SensorCalibration
from epropnp_data.nuscenes.taxonomy import LIDAR

FULL_SIZE = (1600, 900)
_CAM_AXES_IN_EGO = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # a camera looking along +x


@dataclass(frozen=True)
class Camera:
    """Pinhole camera without distortion.

    Attributes:
        calibration: mounting and intrinsics.
        size: (width, height) in pixels.
        delay: seconds between the lidar's time stamp and the exposure.
    """

    calibration: SensorCalibration
    size: tuple[int, int]
    delay: float

    @property
    def intrinsic(self) -> NDArray:
        """Camera matrix (3, 3)."""
        return np.asarray(self.calibration.intrinsic)

    def rays(self, pixels: NDArray) -> NDArray:
        """Unit directions (R, 3) float32 in the camera frame through pixel positions (R, 2)."""
        k = self.intrinsic
        directions = np.ones((len(pixels), 3), np.float32)
        directions[:, 0] = (pixels[:, 0] - k[0, 2]) / k[0, 0]
        directions[:, 1] = (pixels[:, 1] - k[1, 2]) / k[1, 1]
        return directions / np.linalg.norm(directions, axis=1, keepdims=True)


# channel: (yaw in degrees, (x, y, z) in metres, focal length and centre in pixels, delay in s)
_MOUNTS = {
    "CAM_FRONT": (0.0, (1.70, 0.0, 1.51), (1266.0, 816.0, 491.5), -0.035),
    "CAM_FRONT_RIGHT": (-55.0, (1.55, -0.49, 1.50), (1261.0, 808.0, 495.0), -0.027),
    "CAM_FRONT_LEFT": (55.0, (1.52, 0.49, 1.51), (1272.5, 826.5, 479.5), -0.043),
    "CAM_BACK": (180.0, (0.03, 0.0, 1.57), (809.0, 829.0, 481.5), -0.010),
    "CAM_BACK_LEFT": (108.5, (1.04, 0.48, 1.56), (1256.5, 792.0, 492.5), -0.001),
    "CAM_BACK_RIGHT": (-110.5, (1.01, -0.48, 1.56), (1259.5, 807.0, 501.0), -0.020),
}


def nuscenes_cameras(image_scale: float, pitch: float = 0.0) -> tuple[Camera, ...]:
    """Six cameras.

    Args:
        image_scale: 1 gives 1600 x 900 images.
        pitch: degrees that all of them look down.

    Raises:
        ValueError: the scale is outside (0, 2], or the pitch beyond 45 degrees.
    """
    if abs(pitch) > 45:
        raise ValueError(f"camera pitch must lie in [-45, 45] degrees, got {pitch}")
    if not 0 < image_scale <= 2:
        raise ValueError(f"image scale must lie in (0, 2], got {image_scale}")
    size = (round(FULL_SIZE[0] * image_scale), round(FULL_SIZE[1] * image_scale))
    axes = _CAM_AXES_IN_EGO @ ground_rotation(pitch)
    sx, sy = size[0] / FULL_SIZE[0], size[1] / FULL_SIZE[1]
    cameras = []
    for channel, (yaw, position, (focal, cx, cy), delay) in _MOUNTS.items():
        turn = matrix_from_quaternion(quaternion_from_yaw(np.radians(yaw)))
        pose = Pose(quaternion_from_matrix(turn @ axes), position)
        intrinsic = ((focal * sx, 0.0, cx * sx), (0.0, focal * sy, cy * sy), (0.0, 0.0, 1.0))
        cameras.append(Camera(SensorCalibration(channel, pose, intrinsic), size, delay))
    return tuple(cameras)


def nuscenes_lidar() -> SensorCalibration:
    """Lidar on the roof, its y axis forward."""
    return SensorCalibration(LIDAR, Pose.from_yaw(-np.pi / 2, 0.94, 0.0, 1.84))
