"""Training of the detector: targets, object sampling, and the losses of every stage."""

from typing import NamedTuple

from mmdet3d.registry import MODELS, TASK_UTILS
from mmdet3d.structures import Det3DDataSample
from mmengine.model import BaseModule
from torch import Tensor

from ..geometry.pixels import full_precision
from ..pose.pose_solver import PoseStage
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
    CenterAssigner,
    CenternessSampler,
    GroundTruth,
    PointTargets,
    VolumeCenter,
    collect_ground_truth,
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
        center_target: config of the annotation centre (:class:`VolumeCenter`).
        assigner: config of the part that gives the points of the maps their targets
            (:class:`CenterAssigner`).
        object_sampler: config of the part that draws objects from these points
            (:class:`CenternessSampler`).
        proposal_loss: config of :class:`ProposalLoss`.
        object_loss: config of :class:`ObjectLoss`.
        auxiliary: config of :class:`AuxiliaryLosses`; None without them.
    """

    def __init__(
        self,
        center_target: dict,
        assigner: dict,
        object_sampler: dict,
        proposal_loss: dict,
        object_loss: dict,
        auxiliary: dict | None = None,
    ) -> None:
        super().__init__()
        self.center_target: VolumeCenter = TASK_UTILS.build(center_target)
        self.assigner: CenterAssigner = TASK_UTILS.build(assigner)
        self.object_sampler: CenternessSampler = TASK_UTILS.build(object_sampler)
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
        with full_precision(geometry.cam_intrinsics):
            ground_truth = collect_ground_truth(data_samples, geometry, self.center_target)
        points = self.assigner(maps, ground_truth, len(data_samples))
        samples = self.object_sampler(points, len(ground_truth.labels))
        return TrainingTargets(ground_truth, points, samples)

    def forward(
        self,
        dense: DenseOutputs,
        objects: ObjectPredictions,
        targets: TrainingTargets,
        geometry: BatchGeometry,
        pose_solver: PoseStage,
    ) -> dict[str, Tensor]:
        """Losses of a batch; all are finite and reach every parameter, also without objects.

        Args:
            dense: maps of the batch.
            objects: predictions of the samples.
            targets: from :meth:`assign`.
            geometry: of the batch.
            pose_solver: the pose stage.
        """
        ground_truth, points, samples = targets
        losses = self.proposal_loss(dense.proposals, points, ground_truth)
        losses |= self.object_loss(objects, samples, ground_truth, geometry, pose_solver)
        if self.auxiliary is not None:
            losses |= self.auxiliary(
                dense.features, objects, samples, ground_truth, geometry, pose_solver
            )
        return losses
