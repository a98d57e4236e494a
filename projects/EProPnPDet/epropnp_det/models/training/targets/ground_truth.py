"""Ground truth of a batch in flat tensors, gathered from mmdet3d data samples."""

from typing import NamedTuple

import numpy as np
import torch
from mmdet3d.structures import Det3DDataSample
from torch import Tensor

from ...structures import BatchGeometry
from .volume_center import VolumeCenter


class LidarPoints(NamedTuple):
    """Lidar returns of a batch; empty without lidar.

    Attributes:
        points_obj: (Q, 3) returns inside a ground-truth box, object frame, metres.
        points_uv: (Q, 2) the same returns in ori pixels.
        gt_inds: (Q,) long, ground truth of the batch.
        image_uvz: (P, 3) all returns of the images: ori pixels, depth in metres.
        image_inds: (P,) long, image of the batch.
    """

    points_obj: Tensor
    points_uv: Tensor
    gt_inds: Tensor
    image_uvz: Tensor
    image_inds: Tensor


class GroundTruth(NamedTuple):
    """Objects of a batch, image by image.

    Attributes:
        img_inds: (G,) long, image of the batch, ascending.
        labels: (G,) long.
        bboxes: (G, 4) x1, y1, x2, y2 in aug pixels.
        centers: (G, 2) annotation centres in aug pixels.
        dims: (G, 3) length, height, width in metres.
        poses: (G, 4) (x, y, z, yaw) of the box centre, unmirrored camera frame.
        velocities: (G, 2) (vx, vz) in the camera frame, m/s; NaN where unknown.
        attr_labels: (G,) long; -1 where unknown.
        lidar: returns on the objects and in the images.
    """

    img_inds: Tensor
    labels: Tensor
    bboxes: Tensor
    centers: Tensor
    dims: Tensor
    poses: Tensor
    velocities: Tensor
    attr_labels: Tensor
    lidar: LidarPoints


def collect_ground_truth(
    data_samples: list[Det3DDataSample], geometry: BatchGeometry, center_target: VolumeCenter
) -> GroundTruth:
    """Concatenate the annotations of a batch and drop those too small or not visible.

    Args:
        data_samples: B samples with ``gt_instances_3d``.
        geometry: of the batch.
        center_target: gives the annotation centres.
    """
    like = geometry.cam_intrinsics
    instances = [sample.gt_instances_3d for sample in data_samples]
    boxes = [each.bboxes_3d for each in instances]
    counts = torch.tensor([len(each) for each in boxes], device=like.device)
    img_inds = torch.arange(len(boxes), device=like.device).repeat_interleave(counts)
    dims = torch.cat([box.dims for box in boxes]).to(like)
    poses = torch.cat([torch.cat([box.gravity_center, box.yaw[:, None]], 1) for box in boxes])
    poses = poses.to(like)
    bboxes = torch.cat([each.bboxes for each in instances]).to(like)
    centers, keep = center_target(dims, poses, bboxes, img_inds, geometry)
    unknown_velocity = like.new_full((2,), torch.nan)
    return GroundTruth(
        img_inds[keep],
        torch.cat([each.labels_3d for each in instances]).to(img_inds)[keep],
        bboxes[keep],
        centers[keep],
        dims[keep],
        poses[keep],
        _field(instances, "velocities", unknown_velocity)[keep],
        _field(instances, "attr_labels", img_inds.new_tensor(-1))[keep],
        _collect_lidar(data_samples, keep, like),
    )


def _field(instances: list, name: str, unknown: Tensor) -> Tensor:
    """Concatenate a field that an image may lack; ``unknown`` gives value, type and device."""
    return torch.cat(
        [
            each[name].to(unknown) if name in each else unknown.expand(len(each), *unknown.shape)
            for each in instances
        ]
    )


def _collect_lidar(data_samples: list[Det3DDataSample], keep: Tensor, like: Tensor) -> LidarPoints:
    """Concatenate lidar returns; those of dropped ground truths go, indices follow ``keep``."""
    points_obj, points_uv, counts, image_uvz = [], [], [], []
    for sample in data_samples:
        instances = sample.gt_instances_3d
        if "points_obj" in instances:
            points_obj.extend(instances.points_obj)
            points_uv.extend(instances.points_uv)
            counts.extend(len(points) for points in instances.points_obj)
        else:
            counts.extend([0] * len(instances))
        uvz = sample.get("lidar_uvz", None)
        image_uvz.append(like.new_zeros(0, 3) if uvz is None else uvz.to(like))

    owners = torch.arange(len(keep), device=like.device)
    owners = owners.repeat_interleave(torch.tensor(counts, device=like.device).long())
    new_inds = keep.cumsum(0) - 1
    kept = keep[owners]
    per_image = torch.tensor([len(uvz) for uvz in image_uvz], device=like.device)
    return LidarPoints(
        _concatenate(points_obj, 3, like)[kept],
        _concatenate(points_uv, 2, like)[kept],
        new_inds[owners[kept]],
        torch.cat(image_uvz),
        torch.arange(len(image_uvz), device=like.device).repeat_interleave(per_image),
    )


def _concatenate(points: list[np.ndarray], dims: int, like: Tensor) -> Tensor:
    """Points of all objects, copied to the device at once."""
    empty = np.zeros((0, dims), np.float32)
    return torch.from_numpy(np.concatenate([empty, *points])).to(like)
