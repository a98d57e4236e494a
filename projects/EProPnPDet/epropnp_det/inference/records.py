"""Detections and annotations as plain data."""

from dataclasses import replace

import numpy as np
from pyquaternion import Quaternion

from epropnp_data.geometry.boxes import OBJECT_TO_NUSCENES, yaw_to_rotation
from epropnp_data.geometry.camera import clip_edges, project_points
from epropnp_data.images import LevelView
from epropnp_data.vocabulary import Vocabulary
from epropnp_mm.pose_summary import PoseSummary
from epropnp_results import ObjectResult, TruthBox
from epropnp_results.records import corners

from ..datasets.camera_annotations import CameraAnnotations
from ..evaluation.camera_boxes import to_camera_boxes
from ..models.inference import Explanation

VISIBLE_SHARE = {1: 0.2, 2: 0.5, 3: 0.7, 4: 0.9}  # the middle of nuScenes' levels


def objects_of(
    explained: Explanation,
    summary: PoseSummary,
    camera_to_ground: list[np.ndarray | None],
    vocabulary: Vocabulary,
) -> list[list[ObjectResult]]:
    """Records per image, in the frame of the camera that the network sees.

    Args:
        explained: detections of B images, K in all.
        summary: of the K pose densities.
        camera_to_ground: B rotations that the solver was given; None for a level camera.
        vocabulary: names of the labels.
    """
    poses = explained.poses.detach().cpu().double().numpy()
    covariance = explained.distribution.pose_cov.detach().cpu().double().numpy()
    records, start = [], 0
    for instances, ground in zip(explained.instances, camera_to_ground, strict=True):
        boxes = to_camera_boxes(instances, vocabulary)
        rotations = yaw_to_rotation(boxes.yaws)
        if ground is not None:
            rotations = ground.T @ rotations
        bboxes = instances.bboxes.cpu().numpy()
        own = []
        for index, label in enumerate(boxes.labels):
            k = start + index
            own.append(
                ObjectResult(
                    label=vocabulary.classes[label],
                    score=float(boxes.scores[index]),
                    translation=poses[k, :3].tolist(),
                    rotation=rotations[index].tolist(),
                    size=boxes.dims[index].tolist(),
                    bbox=bboxes[index].tolist(),
                    yaw=float((boxes.yaws[index] + np.pi) % (2 * np.pi) - np.pi),
                    velocity=_known(boxes.velocities[index]),
                    attribute=vocabulary.attribute_name(boxes.attr_labels[index]),
                    covariance=covariance[k].tolist(),
                    intervals=summary.intervals[k],
                    trust=summary.trust[k],
                )
            )
        start += len(own)
        records.append(own)
    return records


def turn_back(item: ObjectResult, view: LevelView, intrinsics: np.ndarray) -> ObjectResult:
    """An object of a level view in the frame of the tilted camera that it was made from.

    Its ``bbox`` becomes None where the original image shows nothing of it.
    """
    turn = np.eye(4)
    turn[:3, :3] = view.to_camera
    turned = replace(
        item,
        translation=(view.to_camera @ item.translation).tolist(),
        rotation=(view.to_camera @ item.rotation).tolist(),
        covariance=(turn @ item.covariance @ turn.T).tolist(),
    )
    return replace(turned, bbox=_bounds(corners(turned), intrinsics, view.image.shape[1::-1]))


def _bounds(
    corners_cam: np.ndarray, intrinsics: np.ndarray, size_wh: tuple[int, int]
) -> list[float] | None:
    """x1, y1, x2, y2 of a projected box within the image, None outside it."""
    ends = clip_edges(corners_cam).reshape(-1, 3)
    if len(ends) == 0:
        return None
    pixels = project_points(ends, intrinsics).clip(0, size_wh)
    low, high = pixels.min(0), pixels.max(0)
    return [*low.tolist(), *high.tolist()] if (high > low).all() else None


def truth_of(
    annotations: CameraAnnotations, classes: list[str], camera_to_ground: np.ndarray | None = None
) -> list[TruthBox]:
    """Annotated objects of an image.

    Args:
        annotations: of the levelled image.
        classes: names of the labels.
        camera_to_ground: (3, 3) that levelled it; None for a level camera.
    """
    to_camera = np.eye(3) if camera_to_ground is None else camera_to_ground.T
    rows = zip(
        annotations.labels,
        annotations.centers,
        annotations.dims,
        annotations.rotations,
        annotations.visibility,
        strict=True,
    )
    return [
        TruthBox(
            label=classes[label],
            translation=(to_camera @ center).tolist(),
            rotation=(
                to_camera @ Quaternion(quaternion).rotation_matrix @ OBJECT_TO_NUSCENES
            ).tolist(),
            size=size.tolist(),
            visibility=VISIBLE_SHARE.get(int(visibility)),
        )
        for label, center, size, quaternion, visibility in rows
    ]


def _known(velocity: np.ndarray) -> list[float] | None:
    return velocity.tolist() if np.isfinite(velocity).all() else None
