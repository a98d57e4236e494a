"""Detections and annotations as plain data."""

import numpy as np
from pyquaternion import Quaternion

from epropnp_data.geometry.boxes import OBJECT_TO_NUSCENES, yaw_to_rotation
from epropnp_data.nuscenes.taxonomy import ATTRIBUTES, CLASSES, NO_ATTRIBUTE
from epropnp_mm.pose_summary import PoseSummary
from epropnp_results import ObjectResult, TruthBox

from ..datasets.camera_annotations import CameraAnnotations
from ..evaluation.metric import to_camera_boxes
from ..models.inference import Explanation


def objects_of(
    explained: Explanation,
    summary: PoseSummary,
    camera_to_ground: list[np.ndarray | None],
    classes: list[str],
) -> list[list[ObjectResult]]:
    """Records per image.

    Args:
        explained: detections of B images, K in all.
        summary: of the K pose densities.
        camera_to_ground: B rotations; None for a level camera.
        classes: names of the labels.
    """
    poses = explained.poses.detach().cpu().double().numpy()
    covariance = explained.distribution.pose_cov.detach().cpu().double().numpy()
    records, start = [], 0
    for instances, ground in zip(explained.instances, camera_to_ground, strict=True):
        boxes = to_camera_boxes(instances, classes)
        rotations = yaw_to_rotation(boxes.yaws)
        if ground is not None:
            rotations = ground.T @ rotations
        bboxes = instances.bboxes.cpu().numpy()
        own = []
        for index, label in enumerate(boxes.labels):
            k = start + index
            own.append(
                ObjectResult(
                    label=CLASSES[label],
                    score=float(boxes.scores[index]),
                    translation=poses[k, :3].tolist(),
                    rotation=rotations[index].tolist(),
                    size=boxes.dims[index].tolist(),
                    bbox=bboxes[index].tolist(),
                    yaw=float((boxes.yaws[index] + np.pi) % (2 * np.pi) - np.pi),
                    velocity=boxes.velocities[index].tolist(),
                    attribute=_attribute(boxes.attr_labels[index]),
                    covariance=covariance[k].tolist(),
                    intervals=summary.intervals[k],
                    trust=summary.trust[k],
                )
            )
        start += len(own)
        records.append(own)
    return records


def truth_of(annotations: CameraAnnotations, classes: list[str]) -> list[TruthBox]:
    """Annotated objects of an image."""
    rows = zip(
        annotations.labels,
        annotations.centers,
        annotations.dims,
        annotations.rotations,
        strict=True,
    )
    return [
        TruthBox(
            label=classes[label],
            translation=center.tolist(),
            rotation=(Quaternion(quaternion).rotation_matrix @ OBJECT_TO_NUSCENES).tolist(),
            size=size.tolist(),
        )
        for label, center, size, quaternion in rows
    ]


def _attribute(label: int) -> str | None:
    return None if label == NO_ATTRIBUTE else ATTRIBUTES[label]
