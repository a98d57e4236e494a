"""Training of the detector: targets, object sampling, and the losses of every stage."""

from collections.abc import Sequence
from typing import NamedTuple

from mmdet3d.registry import MODELS, TASK_UTILS
from mmdet3d.structures import Det3DDataSample
from mmengine.model import BaseModule
from torch import Tensor

from ..geometry.pixels import full_precision
from ..pose.pose_solver import PoseSolver
from ..structures import (
    BatchGeometry,
    DenseOutputs,
    ObjectPredictions,
    ObjectSamples,
    ProposalMaps,
)
from .auxiliary import AuxiliaryLosses
from .losses import ObjectLoss, ProposalLoss
from .targets import (
    GroundTruth,
    PointTargets,
    VolumeCenter,
    assign_points,
    collect_ground_truth,
    make_point_grid,
    sample_objects,
)


class TrainingTargets(NamedTuple):
    """What a batch is trained on.

    Attributes:
        ground_truth: objects that are large enough and visible.
        points: targets of the points of the proposal maps.
        samples: objects drawn from these points; zero is a normal number.
    """

    ground_truth: GroundTruth
    points: PointTargets
    samples: ObjectSamples


@MODELS.register_module()
class DetectionCriterion(BaseModule):
    """Targets and losses, stage by stage.

    :meth:`assign`: data samples -> GroundTruth -> PointTargets -> ObjectSamples.
    :meth:`forward`: ProposalLoss of the maps, ObjectLoss of the samples, AuxiliaryLosses of the
    features.

    Args:
        num_classes: number of classes K.
        regress_ranges: for each level the closed range of the largest distance from a point to a
            side of its 2D box, aug pixels.
        center_target: config of the annotation centre (:class:`VolumeCenter`).
        proposal_loss: config of :class:`ProposalLoss`.
        object_loss: config of :class:`ObjectLoss`.
        auxiliary: config of :class:`AuxiliaryLosses`; None without them.
        num_obj_samples_per_img: objects sampled per image, pooled over the batch.
    """

    def __init__(
        self,
        num_classes: int,
        regress_ranges: Sequence[tuple[float, float]],
        center_target: dict,
        proposal_loss: dict,
        object_loss: dict,
        auxiliary: dict | None = None,
        num_obj_samples_per_img: int = 48,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.regress_ranges = tuple(tuple(each) for each in regress_ranges)
        self.num_obj_samples_per_img = num_obj_samples_per_img
        self.center_target: VolumeCenter = TASK_UTILS.build(center_target)
        self.proposal_loss: ProposalLoss = MODELS.build(proposal_loss)
        self.object_loss: ObjectLoss = MODELS.build(object_loss)
        self.auxiliary: AuxiliaryLosses | None = None
        if auxiliary is not None:
            self.auxiliary = MODELS.build(auxiliary)

    def assign(
        self, maps: ProposalMaps, geometry: BatchGeometry, data_samples: list[Det3DDataSample]
    ) -> TrainingTargets:
        """Assign the points of the maps and draw the objects to train on.

        Args:
            maps: of the batch.
            geometry: of the batch.
            data_samples: B samples with ``gt_instances_3d``.
        """
        num_imgs = len(data_samples)
        with full_precision(geometry.cam_intrinsics):
            ground_truth = collect_ground_truth(data_samples, geometry, self.center_target)
        grid = make_point_grid(maps.points, maps.strides, self.regress_ranges)
        points = assign_points(grid, ground_truth, num_imgs, self.num_classes)
        samples = sample_objects(
            points,
            num_gts=len(ground_truth.labels),
            num_classes=self.num_classes,
            num_samples=num_imgs * self.num_obj_samples_per_img,
        )
        return TrainingTargets(ground_truth, points, samples)

    def forward(
        self,
        dense: DenseOutputs,
        objects: ObjectPredictions,
        targets: TrainingTargets,
        geometry: BatchGeometry,
        pose_solver: PoseSolver,
    ) -> dict[str, Tensor]:
        """Losses of a batch; all are finite and reach every parameter, also without objects.

        Args:
            dense: maps of the batch.
            objects: predictions of the samples.
            targets: from :meth:`assign`.
            geometry: of the batch.
            pose_solver: camera, cost and PnP layer.
        """
        ground_truth, points, samples = targets
        losses = self.proposal_loss(dense.proposals, points, ground_truth)
        losses |= self.object_loss(objects, samples, ground_truth, geometry, pose_solver)
        if self.auxiliary is not None:
            losses |= self.auxiliary(
                dense.features, objects, samples, ground_truth, geometry, pose_solver.camera
            )
        return losses
