"""What a picture of one keyframe is made of, read from the nuScenes tables."""

from typing import NamedTuple

import numpy as np
from nuscenes.nuscenes import NuScenes

from epropnp_data.geometry.rigid import invert_rigid, rigid_matrix
from epropnp_data.images.reading import read_image
from epropnp_data.nuscenes.taxonomy import CAMERAS

from ..datasets.preparation.annotate import keyframe_objects
from ..evaluation.boxes import GlobalBoxes
from ..evaluation.frames import class_ranges


class CameraView(NamedTuple):
    """One camera image.

    Attributes:
        name: channel.
        image: (h, w, 3) uint8, blue, green, red.
        intrinsic: (3, 3).
        global_to_cam: (4, 4) at the camera's own time.
    """

    name: str
    image: np.ndarray
    intrinsic: np.ndarray
    global_to_cam: np.ndarray


class KeyframeView(NamedTuple):
    """All camera images of a keyframe.

    Attributes:
        cameras: six views.
        global_to_ego: (4, 4) at the keyframe's time.
    """

    cameras: list[CameraView]
    global_to_ego: np.ndarray


def load_keyframe(nusc: NuScenes, sample_token: str) -> KeyframeView:
    """Images and poses of a keyframe.

    Raises:
        DatasetError: an image is missing.
    """
    sample = nusc.get("sample", sample_token)
    cameras = [_load_camera(nusc, name, sample["data"][name]) for name in CAMERAS]
    lidar = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
    return KeyframeView(cameras, invert_rigid(_ego_to_global(nusc, lidar)))


def ground_truth(nusc: NuScenes, sample_token: str) -> GlobalBoxes:
    """Annotated boxes of a keyframe within the range that is evaluated; their score is 1."""
    sample = nusc.get("sample", sample_token)
    objects = keyframe_objects(nusc, sample)
    lidar = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
    ego = _ego_to_global(nusc, lidar)[:2, 3]
    near = np.linalg.norm(objects.centers[:, :2] - ego, axis=1) < class_ranges()[objects.labels]
    boxes = GlobalBoxes(
        centers=objects.centers,
        sizes_wlh=objects.sizes_lwh[:, [1, 0, 2]],
        rotations=objects.rotations,
        velocities=objects.velocities[:, :2],
        scores=np.ones(len(objects.labels)),
        labels=objects.labels,
        attr_labels=objects.attr_labels,
    )
    return boxes.select(near)


def _load_camera(nusc: NuScenes, name: str, sample_data_token: str) -> CameraView:
    record = nusc.get("sample_data", sample_data_token)
    sensor = nusc.get("calibrated_sensor", record["calibrated_sensor_token"])
    path = nusc.get_sample_data_path(sample_data_token)
    image = read_image(path)
    cam_to_ego = rigid_matrix(sensor["rotation"], sensor["translation"])
    return CameraView(
        name=name,
        image=image,
        intrinsic=np.array(sensor["camera_intrinsic"], dtype=float),
        global_to_cam=invert_rigid(_ego_to_global(nusc, record) @ cam_to_ego),
    )


def _ego_to_global(nusc: NuScenes, sample_data: dict) -> np.ndarray:
    pose = nusc.get("ego_pose", sample_data["ego_pose_token"])
    return rigid_matrix(pose["rotation"], pose["translation"])
