"""Boxes on their way from a camera to the global frame."""

from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from epropnp_data.geometry.boxes import yaw_to_nuscenes_rotation
from epropnp_data.geometry.rigid import transform_points

from ..datasets.camera_poses import CameraPose
from .camera_boxes import CameraBoxes

# Metres. The evaluator makes the exact cut, from the ego pose at the lidar's time; between that and
# a camera's time the ego vehicle moves up to a metre.
RANGE_MARGIN = 1.0


class GlobalBoxes(NamedTuple):
    """Boxes of one keyframe in the global frame; N boxes, float64.

    Attributes:
        centers: (N, 3) metres.
        sizes_wlh: (N, 3) width, length, height, the order of the nuScenes tables.
        rotations: (N, 3, 3) nuScenes box frame (x forward, y left, z up) to global.
        velocities: (N, 2) along global x and y, m/s.
        scores: (N,).
        labels: (N,) int class of the detection task, an index into ``CLASSES``.
        attr_labels: (N,) int attribute, 8 is none.
    """

    centers: np.ndarray
    sizes_wlh: np.ndarray
    rotations: np.ndarray
    velocities: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    attr_labels: np.ndarray

    @property
    def headings(self) -> np.ndarray:
        """(N,) angle of the length axis in the global xy plane, counter-clockwise from x."""
        rotations = self.rotations
        return np.arctan2(
            rotations[:, 1, 0] - rotations[:, 0, 1], rotations[:, 0, 0] + rotations[:, 1, 1]
        )

    @property
    def quaternions(self) -> np.ndarray:
        """(N, 4) unit quaternions w, x, y, z of the rotations."""
        if len(self.labels) == 0:
            return np.zeros((0, 4))
        return np.roll(Rotation.from_matrix(self.rotations).as_quat(), 1, axis=1)

    def select(self, keep: np.ndarray) -> "GlobalBoxes":
        """Rows of a boolean mask or an index array."""
        return GlobalBoxes(*(field[keep] for field in self))

    @staticmethod
    def empty() -> "GlobalBoxes":
        """No boxes."""
        shapes = [(0, 3), (0, 3), (0, 3, 3), (0, 2), (0,)]
        floats = [np.zeros(shape) for shape in shapes]
        return GlobalBoxes(*floats, np.zeros(0, dtype=int), np.zeros(0, dtype=int))

    @staticmethod
    def concatenate(parts: list["GlobalBoxes"]) -> "GlobalBoxes":
        """All boxes of several sets."""
        if not parts:
            return GlobalBoxes.empty()
        return GlobalBoxes(*(np.concatenate(fields) for fields in zip(*parts, strict=True)))


def camera_to_global(
    boxes: CameraBoxes,
    pose: CameraPose,
    class_ranges: np.ndarray | None = None,
    range_margin: float = RANGE_MARGIN,
) -> GlobalBoxes:
    """Move boxes camera -> ego -> global with the poses of that camera's own time.

    The velocity is absolute, so it is rotated but gets no ego-motion term. A yaw has no pitch and
    roll; the boxes inherit those of the camera.

    Args:
        boxes: N detections of one image, with labels of the detection task.
        pose: pose of its camera.
        class_ranges: (K,) metres; boxes whose centre is farther than the range of their class (and
            the margin) from the ego origin, in the ego plane, are dropped.
        range_margin: metres added to these ranges; 0 as published.
    """
    rotations_ego = pose.cam_to_ego[:3, :3] @ yaw_to_nuscenes_rotation(boxes.yaws)
    centers_ego = transform_points(pose.cam_to_ego, boxes.centers)
    velocities_cam = np.zeros((len(boxes.labels), 3))
    velocities_cam[:, [0, 2]] = boxes.velocities
    ego_to_global = pose.ego_to_global
    cam_to_global_rotation = ego_to_global[:3, :3] @ pose.cam_to_ego[:3, :3]
    result = GlobalBoxes(
        centers=transform_points(ego_to_global, centers_ego),
        sizes_wlh=boxes.dims[:, [2, 0, 1]],
        rotations=ego_to_global[:3, :3] @ rotations_ego,
        velocities=(velocities_cam @ cam_to_global_rotation.T)[:, :2],
        scores=boxes.scores,
        labels=boxes.labels,
        attr_labels=boxes.attr_labels,
    )
    if class_ranges is None:
        return result
    distance = np.linalg.norm(centers_ego[:, :2], axis=1)
    return result.select(distance <= class_ranges[boxes.labels] + range_margin)
