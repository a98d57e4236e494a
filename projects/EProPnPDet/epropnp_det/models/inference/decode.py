"""From solved poses to detections."""

from typing import NamedTuple

import torch
from mmdet3d.structures import CameraInstance3DBoxes
from mmengine.structures import InstanceData
from torch import Tensor

from ..by_image import count_by_image
from ..geometry.boxes import project_boxes
from ..structures import BatchGeometry, ObjectPredictions, PoseEstimates, Proposals
from .nms import FROM_ABOVE, IN_IMAGE, bev_rectangles, nms_by_group
from .settings import InferenceSettings


class Candidates(NamedTuple):
    """Boxes before suppression.

    Attributes:
        boxes: (M, 7) x, y, z, l, h, w, yaw; camera frame, or ground frame where the batch knows it.
        bboxes: (M, 4) 2D boxes, ori pixels.
        scores: (M,) final scores.
        valid: (M,) bool, the box can be seen and its pose is known.
    """

    boxes: Tensor
    bboxes: Tensor
    scores: Tensor
    valid: Tensor


def decode(
    objects: ObjectPredictions,
    estimates: PoseEstimates,
    proposals: Proposals,
    geometry: BatchGeometry,
    settings: InferenceSettings,
) -> list[InstanceData]:
    """Turn the objects of a batch into detections per image, best first.

    Returns:
        B instances with ``bboxes_3d`` (k, 9), ``scores_3d``, ``labels_3d``, ``bboxes`` (k, 4) in
        original pixels, ``scores_2d``, ``object_inds`` (k,) into the batch's objects and, where
        predicted, ``attr_labels``, ``attr_logits`` and ``pose_cov``. For cameras that are not level
        boxes are in the ground frame: turned by ``camera_to_ground``.
    """
    candidates = make_candidates(objects, estimates, proposals, geometry, settings)
    num_images = len(geometry.flips)
    groups = proposals.labels * num_images + proposals.img_inds
    keep = suppress(candidates, groups, settings)
    images = proposals.img_inds[keep]
    counts = count_by_image(images, num_images).tolist()
    by_image = keep[images.argsort(stable=True)].split(counts)
    return [_pack(own, candidates, objects, estimates, proposals) for own in by_image]


def make_candidates(
    objects: ObjectPredictions,
    estimates: PoseEstimates,
    proposals: Proposals,
    geometry: BatchGeometry,
    settings: InferenceSettings,
) -> Candidates:
    """Boxes, their extent in the image and their final scores."""
    poses = torch.nan_to_num(estimates.poses)
    places, ground = poses[:, :3], geometry.camera_to_ground
    if ground is not None:
        ground = ground[proposals.img_inds]
        places = (ground @ places.unsqueeze(-1)).squeeze(-1)
    boxes = torch.cat((places, objects.dims, poses[:, 3:]), dim=-1)
    bboxes, visible = project_boxes(
        boxes,
        geometry.cam_intrinsics[proposals.img_inds],
        geometry.ori_shapes[proposals.img_inds],
        near_plane=settings.near_plane,
        min_size=settings.min_box_size,
        ground_to_camera=None if ground is None else ground.mT,
    )
    scores = proposals.cls_probs * estimates.scores
    return Candidates(boxes, bboxes, scores, visible & estimates.valid)


def suppress(candidates: Candidates, groups: Tensor, settings: InferenceSettings) -> Tensor:
    """Suppress duplicates, first in the image, then from above.

    Args:
        candidates: M boxes.
        groups: (M,) long, image and class; only boxes of one group compete.
        settings: thresholds.

    Returns:
        Indices (k,) of the boxes kept, best first.
    """
    keep = candidates.valid.nonzero().squeeze(-1)
    kept_in_image = nms_by_group(
        IN_IMAGE,
        candidates.bboxes[keep],
        candidates.scores[keep],
        groups[keep],
        settings.nms_iou_2d,
    )
    keep = keep[kept_in_image]
    if settings.drop_lone_box and len(keep) == 1:
        return keep[:0]
    kept_from_above = nms_by_group(
        FROM_ABOVE,
        bev_rectangles(candidates.boxes[keep]),
        candidates.scores[keep],
        groups[keep],
        settings.nms_iou_bev,
    )
    return keep[kept_from_above]


def _pack(
    keep: Tensor,
    candidates: Candidates,
    objects: ObjectPredictions,
    estimates: PoseEstimates,
    proposals: Proposals,
) -> InstanceData:
    boxes = candidates.boxes[keep]
    if objects.velocities is None:
        velocities = torch.full_like(boxes[:, :2], torch.nan)
    else:
        velocities = objects.velocities[keep]
    instances = InstanceData(
        bboxes_3d=CameraInstance3DBoxes(
            torch.cat((boxes, velocities), dim=-1), box_dim=9, origin=(0.5, 0.5, 0.5)
        ),
        scores_3d=candidates.scores[keep],
        labels_3d=proposals.labels[keep],
        bboxes=candidates.bboxes[keep],
        scores_2d=proposals.cls_probs[keep],
        object_inds=keep,
    )
    if objects.attr_logits is not None:
        instances.attr_logits = objects.attr_logits[keep]
        instances.attr_labels = objects.attr_logits[keep].argmax(dim=-1)
    if estimates.covariances is not None:
        instances.pose_cov = estimates.covariances[keep]
    return instances
