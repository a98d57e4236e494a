"""Dense correspondences of regions of interest, predicted from key and value maps."""

import math
from typing import NamedTuple

from torch import Tensor, nn

from ...geometry.mirror import mirror_axis
from ...objects.correspondence_head import GroupedLinear
from ...structures import ObjectPredictions, ObjectSamples
from .roi_features import RoIFeatures


class SampledObjects(NamedTuple):
    """Ground truths that were sampled, each the weighted mean of its samples.

    Attributes:
        gt_inds: (A,) long, ground truth of the batch, ascending.
        query: (A, H, D).
        dims: (A, 3) metres, detached.
    """

    gt_inds: Tensor
    query: Tensor
    dims: Tensor


class RoIPredictions(NamedTuple):
    """Dense predictions of A regions of r x r cells, one per attention head.

    Attributes:
        x3d: (A, H, r, r, 3) object frame, metres.
        log_std: (A, H, r, r, 2) of the relative reprojection error.
        attention: (A, H, r, r) logits of the heads.
    """

    x3d: Tensor
    log_std: Tensor
    attention: Tensor


def average_samples(
    objects: ObjectPredictions, samples: ObjectSamples, num_gts: int
) -> SampledObjects:
    """Average the predictions of the samples of each ground truth by their weights.

    Args:
        objects: predictions of the samples.
        samples: M samples.
        num_gts: ground truths of the batch.
    """
    gt_inds = samples.gt_inds.unique()
    totals = samples.weights.new_zeros(num_gts).index_add(0, samples.gt_inds, samples.weights)
    weights = samples.weights / totals[samples.gt_inds].clamp(min=1e-5)

    def average(values: Tensor) -> Tensor:
        weighted = values * weights.view(-1, *[1] * (values.dim() - 1))
        sums = weighted.new_zeros(num_gts, *values.shape[1:])
        return sums.index_add(0, samples.gt_inds, weighted)[gt_inds]

    return SampledObjects(gt_inds, average(objects.query), average(objects.dims.detach()))


class RoICorrespondences(nn.Module):
    """Predict what each head sees in each cell of a region, and how much it attends to it.

    Args:
        num_heads: attention heads H.
        head_dims: channels D of a head.
    """

    def __init__(self, num_heads: int, head_dims: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dims = head_dims
        self.regression = GroupedLinear(num_heads, head_dims)

    def forward(self, rois: RoIFeatures, objects: SampledObjects, flips: Tensor) -> RoIPredictions:
        """Predict from features.

        Args:
            rois: features of A regions.
            objects: the ground truths of these regions.
            flips: (A,) bool, the region was seen mirrored.
        """
        value = rois.value.unflatten(1, (self.num_heads, self.head_dims))
        key = rois.key.unflatten(1, (self.num_heads, self.head_dims))
        outputs = self.regression(value.permute(0, 3, 4, 1, 2)).permute(0, 3, 1, 2, 4)
        noc = mirror_axis(outputs[..., :3], flips, axis=2)
        attention = (objects.query[..., None, None] * key).sum(2) / math.sqrt(self.head_dims)
        return RoIPredictions(noc * objects.dims[:, None, None, None], outputs[..., 3:], attention)
