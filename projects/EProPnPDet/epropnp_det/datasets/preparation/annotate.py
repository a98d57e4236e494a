"""Per-image annotations from the nuScenes tables."""

from typing import NamedTuple

import numpy as np
from mmdet3d.datasets.convert_utils import NuScenesNameMapping
from nuscenes.nuscenes import NuScenes
from pyquaternion import Quaternion

from epropnp_data.geometry.boxes import box_corners, nuscenes_rotation_to_yaw
from epropnp_data.geometry.rigid import invert_rigid, rigid_matrix, transform_points
from epropnp_data.nuscenes.taxonomy import ATTRIBUTES, CLASSES, NO_ATTRIBUTE

from ..box_projection import annotation_box, in_view, truncation
from ..camera_annotations import CameraAnnotations


class KeyframeObjects(NamedTuple):
    """Annotated objects of one keyframe; N objects of the ten classes, global frame.

    Attributes:
        centers: (N, 3).
        sizes_lwh: (N, 3) length, width, height.
        rotations: (N, 3, 3) box to global.
        velocities: (N, 3) with z = 0; NaN when unknown.
        labels: (N,) class.
        attr_labels: (N,) attribute.
        visibility: (N,) level 1 to 4, 0 when unknown.
    """

    centers: np.ndarray
    sizes_lwh: np.ndarray
    rotations: np.ndarray
    velocities: np.ndarray
    labels: np.ndarray
    attr_labels: np.ndarray
    visibility: np.ndarray

    def select(self, keep: np.ndarray) -> "KeyframeObjects":
        """Rows of a boolean mask or an index array."""
        return KeyframeObjects(*(field[keep] for field in self))


def keyframe_objects(nusc: NuScenes, sample: dict) -> KeyframeObjects:
    """Objects of the detection classes in one keyframe, as annotated (no interpolation)."""
    records = [nusc.get("sample_annotation", token) for token in sample["anns"]]
    records = [r for r in records if r["category_name"] in NuScenesNameMapping]
    names = [NuScenesNameMapping[r["category_name"]] for r in records]
    rotations = [Quaternion(r["rotation"]).rotation_matrix for r in records]
    velocities = [[*nusc.box_velocity(r["token"])[:2], 0.0] for r in records]
    return KeyframeObjects(
        centers=np.array([r["translation"] for r in records]).reshape(-1, 3),
        sizes_lwh=np.array([r["size"] for r in records]).reshape(-1, 3)[:, [1, 0, 2]],
        rotations=np.array(rotations).reshape(-1, 3, 3),
        velocities=np.array(velocities).reshape(-1, 3),
        labels=np.array([CLASSES.index(name) for name in names], dtype=np.int64),
        attr_labels=np.array([_attribute(nusc, r) for r in records], dtype=np.int64),
        visibility=np.array([int(r["visibility_token"] or 0) for r in records], dtype=np.int64),
    )


def annotate_image(
    nusc: NuScenes, sample_data_token: str, objects: KeyframeObjects
) -> CameraAnnotations:
    """Objects of a keyframe as one of its camera images shows them.

    Args:
        nusc: tables.
        sample_data_token: record of the camera image.
        objects: objects of the image's keyframe.
    """
    image = nusc.get("sample_data", sample_data_token)
    sensor = nusc.get("calibrated_sensor", image["calibrated_sensor_token"])
    global_to_cam = invert_rigid(cam_to_global(nusc, image))
    intrinsic = np.array(sensor["camera_intrinsic"], dtype=float)
    size_wh = (image["width"], image["height"])

    centers = transform_points(global_to_cam, objects.centers)
    radii = 0.5 * np.linalg.norm(objects.sizes_lwh, axis=1)
    objects = objects.select(in_view(centers, radii, intrinsic, size_wh))
    centers = transform_points(global_to_cam, objects.centers)
    rotations = global_to_cam[:3, :3] @ objects.rotations
    corners = box_corners(centers, objects.sizes_lwh, rotations)
    boxes = [annotation_box(item, intrinsic, size_wh) for item in corners]
    seen = np.array([i for i, item in enumerate(boxes) if item is not None], dtype=np.int64)
    quaternions = [Quaternion(matrix=rotations[i], rtol=1e-6, atol=1e-6).elements for i in seen]
    return CameraAnnotations(
        size_wh=np.array(size_wh),
        bboxes=_float32([boxes[i] for i in seen], 4),
        centers=_float32(centers[seen], 3),
        dims=_float32(objects.sizes_lwh[seen][:, [0, 2, 1]], 3),
        rotations=_float32(quaternions, 4),
        yaws=nuscenes_rotation_to_yaw(rotations[seen]).astype(np.float32),
        velocities=_float32((objects.velocities @ global_to_cam[:3, :3].T)[seen][:, [0, 2]], 2),
        labels=objects.labels[seen],
        attr_labels=objects.attr_labels[seen],
        visibility=objects.visibility[seen],
        truncation=truncation(corners[seen], intrinsic, size_wh).astype(np.float32),
    )


def cam_to_global(nusc: NuScenes, image: dict) -> np.ndarray:
    """Pose (4, 4) of the camera at the time of an image (a sample_data record)."""
    sensor = nusc.get("calibrated_sensor", image["calibrated_sensor_token"])
    ego = nusc.get("ego_pose", image["ego_pose_token"])
    return rigid_matrix(ego["rotation"], ego["translation"]) @ rigid_matrix(
        sensor["rotation"], sensor["translation"]
    )


def _attribute(nusc: NuScenes, record: dict) -> int:
    if not record["attribute_tokens"]:
        return NO_ATTRIBUTE
    return ATTRIBUTES.index(nusc.get("attribute", record["attribute_tokens"][0])["name"])


def _float32(rows: list | np.ndarray, width: int) -> np.ndarray:
    return np.asarray(rows, dtype=np.float32).reshape(-1, width)
