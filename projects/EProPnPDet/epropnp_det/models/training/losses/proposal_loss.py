"""Losses of the dense proposal maps."""

import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor

from epropnp.parts import mean_over_parts

from ...proposals.levels import flatten_levels
from ...structures import ProposalMaps
from ..targets import GroundTruth, PointTargets


@MODELS.register_module()
class ProposalLoss(BaseModule):
    """Classification on all points; centerness, object centre and 2D box on the positive ones.

    Args:
        num_classes: number of classes K.
        loss_cls: config of the classification loss.
        loss_centerness: config of the centerness loss.
        loss_rp: config of the loss on the object centre (the reference point of the sampler).
        loss_bbox: config of the loss on the 2D box; None without that branch.
        relative_error: centre errors are measured in this fraction of the 2D box.
        min_ref_length: aug pixels added to the sides of the box for that.
    """

    def __init__(
        self,
        num_classes: int,
        loss_cls: dict,
        loss_centerness: dict,
        loss_rp: dict,
        loss_bbox: dict | None = None,
        relative_error: float = 0.2,
        min_ref_length: float = 4.0,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.relative_error = relative_error
        self.min_ref_length = min_ref_length
        self.loss_cls = MODELS.build(loss_cls)
        self.loss_centerness = MODELS.build(loss_centerness)
        self.loss_rp = MODELS.build(loss_rp)
        self.loss_bbox = None if loss_bbox is None else MODELS.build(loss_bbox)

    @property
    def optional_losses(self) -> dict[str, bool]:
        """Which of the losses that a config can leave out there are."""
        return {"loss_bbox": self.loss_bbox is not None}

    def forward(
        self, maps: ProposalMaps, targets: PointTargets, ground_truth: GroundTruth
    ) -> dict[str, Tensor]:
        """Losses ``loss_cls``, ``loss_rp``, ``loss_centerness``, ``loss_bbox``.

        Args:
            maps: of the batch.
            targets: of all points of the maps.
            ground_truth: of the batch.
        """
        positive = (targets.labels < self.num_classes).nonzero(as_tuple=True)
        centerness = targets.centerness[positive]
        num_positive = mean_over_parts(centerness.new_full((), len(centerness)), at_least=1)
        total_centerness = mean_over_parts(centerness.sum(), at_least=1e-6)

        cls_logits = flatten_levels(maps.cls_logits).flatten(0, 1)
        centerness_logits = flatten_levels(maps.centerness_logits)[positive][:, 0]
        losses = {
            "loss_cls": self.loss_cls(
                cls_logits, targets.labels.flatten(), avg_factor=num_positive
            ),
            "loss_rp": self.loss_rp(
                self._center_error(maps, targets, ground_truth, positive),
                centerness.new_zeros(len(centerness), 2),
                weight=centerness[:, None],
                avg_factor=2 * total_centerness,
            ),
            "loss_centerness": self.loss_centerness(
                centerness_logits, centerness, avg_factor=num_positive
            ),
        }
        if self.loss_bbox is not None:
            outward = centerness.new_tensor([-1.0, -1.0, 1.0, 1.0])
            losses["loss_bbox"] = self.loss_bbox(
                flatten_levels(maps.bboxes)[positive] * outward,
                targets.distances[positive] * outward,
                weight=centerness,
                avg_factor=total_centerness,
            )
        return losses

    def _center_error(
        self,
        maps: ProposalMaps,
        targets: PointTargets,
        ground_truth: GroundTruth,
        positive: tuple[Tensor, Tensor],
    ) -> Tensor:
        """Errors (N, 2) of the centres predicted for the right class, relative to the 2D boxes."""
        centers = flatten_levels(maps.centers)[positive].unflatten(-1, (-1, 2))
        labels = targets.labels[positive]
        labels = labels if centers.shape[1] > 1 else torch.zeros_like(labels)
        pred = centers[torch.arange(len(labels), device=labels.device), labels]
        gt_inds = targets.gt_inds[positive]
        bboxes = ground_truth.bboxes[gt_inds]
        size = bboxes[:, 2:] - bboxes[:, :2] + self.min_ref_length
        return (pred - ground_truth.centers[gt_inds]) / (self.relative_error * size)
