"""One picture per nuScenes keyframe from its tables: six cameras and the ground from above."""

import numpy as np
from nuscenes.nuscenes import NuScenes

from epropnp_data.geometry.boxes import OBJECT_TO_NUSCENES
from epropnp_data.geometry.rigid import invert_rigid, rigid_matrix, transform_points
from epropnp_data.images.cameras import rotation_from_gravity
from epropnp_data.images.reading import read_image
from epropnp_data.nuscenes.taxonomy import CAMERAS, CLASSES
from epropnp_results import ImageResult, ObjectResult, TruthBox
from epropnp_results.pictures import draw_surround

from ..datasets.preparation.annotate import keyframe_objects
from ..evaluation.boxes import GlobalBoxes
from ..evaluation.frames import class_ranges

DOWN_EGO = np.array([0.0, 0.0, -1.0])
WIDTH = 640  # of each camera image, pixels


def draw_keyframe(
    nusc: NuScenes, sample_token: str, predictions: GlobalBoxes, truth: GlobalBoxes | None = None
) -> np.ndarray:
    """Predictions (orange) over ground truth (blue), (h, w, 3) uint8, BGR; fronts are filled.

    Args:
        nusc: tables.
        sample_token: the keyframe.
        predictions: boxes to draw with class and score.
        truth: annotated boxes, if there are any.

    Raises:
        DatasetError: an image is missing.
    """
    records = keyframe_records(nusc, sample_token, predictions, truth)
    images = [read_image(record.image) for record in records]
    return draw_surround(images, records, [{}] * len(records), WIDTH)


def keyframe_records(
    nusc: NuScenes, sample_token: str, predictions: GlobalBoxes, truth: GlobalBoxes | None = None
) -> list[ImageResult]:
    """Records of the six cameras, each with the boxes in front of it at its own time."""
    sample = nusc.get("sample", sample_token)
    lidar = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
    global_to_ego = invert_rigid(_ego_to_global(nusc, lidar))
    records = []
    for name in CAMERAS:
        image = nusc.get("sample_data", sample["data"][name])
        sensor = nusc.get("calibrated_sensor", image["calibrated_sensor_token"])
        cam_to_ego = rigid_matrix(sensor["rotation"], sensor["translation"])
        cam_to_global = _ego_to_global(nusc, image) @ cam_to_ego
        pose = global_to_ego @ cam_to_global  # of the camera on the vehicle of the keyframe
        global_to_cam = invert_rigid(cam_to_global)
        records.append(
            ImageResult(
                name=name,
                image=nusc.get_sample_data_path(image["token"]),
                width=image["width"],
                height=image["height"],
                intrinsics=sensor["camera_intrinsic"],
                camera_to_ground=rotation_from_gravity(pose[:3, :3].T @ DOWN_EGO).tolist(),
                group=sample_token,
                camera=name,
                camera_to_ego=pose.tolist(),
                objects=_objects(predictions, global_to_cam),
                truth=None if truth is None else _truth(truth, global_to_cam),
            )
        )
    return records


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


def _objects(boxes: GlobalBoxes, global_to_cam: np.ndarray) -> list[ObjectResult]:
    return [
        ObjectResult(CLASSES[boxes.labels[i]], float(boxes.scores[i]), *place)
        for i, place in _in_front(boxes, global_to_cam)
    ]


def _truth(boxes: GlobalBoxes, global_to_cam: np.ndarray) -> list[TruthBox]:
    return [TruthBox(CLASSES[boxes.labels[i]], *p) for i, p in _in_front(boxes, global_to_cam)]


def _in_front(
    boxes: GlobalBoxes, global_to_cam: np.ndarray
) -> list[tuple[int, tuple[list, list, list]]]:
    """Index and translation, rotation, size (camera and object frame) of boxes with z > 0."""
    centers = transform_points(global_to_cam, boxes.centers)
    rotations = global_to_cam[:3, :3] @ boxes.rotations @ OBJECT_TO_NUSCENES
    sizes_lhw = boxes.sizes_wlh[:, [1, 2, 0]]
    return [
        (i, (centers[i].tolist(), rotations[i].tolist(), sizes_lhw[i].tolist()))
        for i in np.flatnonzero(centers[:, 2] > 0)
    ]


def _ego_to_global(nusc: NuScenes, sample_data: dict) -> np.ndarray:
    pose = nusc.get("ego_pose", sample_data["ego_pose_token"])
    return rigid_matrix(pose["rotation"], pose["translation"])
