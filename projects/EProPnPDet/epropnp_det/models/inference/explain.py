"""Detections together with what they were made from: correspondences and pose density."""

from typing import NamedTuple

import torch
from mmdet3d.structures import Det3DDataSample
from mmengine.structures import InstanceData
from torch import Tensor, nn

from epropnp.posterior import PoseDistribution, pose_distribution

from ..structures import ObjectPredictions


class Explanation(NamedTuple):
    """Detections of a batch and their pose densities; K detections in all, image by image.

    Attributes:
        instances: B detections, see :func:`decode`.
        objects: predictions of the K objects detected.
        poses: (K, 4) poses that were reported.
        distribution: of the K objects.
    """

    instances: list[InstanceData]
    objects: ObjectPredictions
    poses: Tensor
    distribution: PoseDistribution


@torch.no_grad()
def explain(
    head: nn.Module,
    feats: tuple[Tensor, ...],
    batch_data_samples: list[Det3DDataSample],
    min_score: float = 0.0,
    generator: torch.Generator | None = None,
) -> Explanation:
    """Predict as :meth:`DeformPnPHead.predict` does, and keep the densities.

    Args:
        head: a :class:`DeformPnPHead`.
        feats: FPN maps, finest first.
        batch_data_samples: B data samples, for their metainfo.
        min_score: weaker detections are dropped.
        generator: source of the samples.
    """
    geometry = head.geometry(feats, batch_data_samples)
    dense = head.forward_dense(feats, geometry, with_bbox=False)
    proposals = head.select(dense)
    objects = head.predict_objects(dense.features, proposals, geometry)
    instances = head.solve_and_decode(objects, proposals, geometry)
    instances = [item[item.scores_3d >= min_score] for item in instances]
    keep = torch.cat([item.object_inds for item in instances])
    kept = ObjectPredictions(*(None if field is None else field[keep] for field in objects))
    poses = torch.cat(
        [_poses(item, geometry.camera_to_ground, i) for i, item in enumerate(instances)]
    )
    distribution = pose_distribution(
        head.pose_solver.test_pnp,
        kept.x3d,
        kept.x2d,
        kept.w2d_scaled,
        head.pose_solver.bind_camera(geometry, proposals.img_inds[keep]),
        head.pose_solver.cost_fun,
        pose_init=poses,
        generator=generator,
    )
    return Explanation(instances, kept, poses, distribution)


def _poses(instances: InstanceData, camera_to_ground: Tensor | None, image: int) -> Tensor:
    """Poses (k, 4): place in the camera frame, heading."""
    places = instances.bboxes_3d.gravity_center
    if camera_to_ground is not None:
        places = places @ camera_to_ground[image]
    return torch.cat((places, instances.bboxes_3d.tensor[:, 6:7]), dim=-1)
