"""Which ground truth each point of the proposal maps has to predict (FCOS3D with own ranges)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from mmdet3d.registry import TASK_UTILS
from torch import Tensor

from ...structures import ProposalMaps
from .ground_truth import GroundTruth


class PointTargets(NamedTuple):
    """Targets of all points of a batch; levels concatenated, row major.

    Attributes:
        labels: (B, P) long in [0, K], K is background.
        gt_inds: (B, P) long, ground truth of the batch; arbitrary for background.
        distances: (B, P, 4) left, top, right, bottom from the point to the sides of its 2D box in
            aug pixels, negative outside; arbitrary for background.
        centerness: (B, P) in [0, 1], 0 for background.
    """

    labels: Tensor
    gt_inds: Tensor
    distances: Tensor
    centerness: Tensor


class PointGrid(NamedTuple):
    """Points of all levels.

    Attributes:
        points: (P, 2) aug pixels.
        strides: (P,) stride of the level, aug pixels.
        regress_ranges: (P, 2) closed range of box extents that the level is responsible for.
    """

    points: Tensor
    strides: Tensor
    regress_ranges: Tensor


def make_point_grid(
    points: Sequence[Tensor],
    strides: Sequence[int],
    regress_ranges: Sequence[tuple[float, float]],
) -> PointGrid:
    """Concatenate the levels.

    Args:
        points: L x (h * w, 2) aug pixels.
        strides: L strides.
        regress_ranges: L closed ranges of max(left, top, right, bottom) in aug pixels.

    Raises:
        ValueError: not one range per level.
    """
    if len(regress_ranges) != len(strides):
        raise ValueError(
            f"regress_ranges has {len(regress_ranges)} entries for {len(strides)} levels of "
            f"strides {tuple(strides)}; give one (low, high) range per level"
        )
    counts = torch.tensor([len(level) for level in points], device=points[0].device)
    points = torch.cat(list(points))
    return PointGrid(
        points,
        points.new_tensor(strides).repeat_interleave(counts),
        points.new_tensor(regress_ranges).repeat_interleave(counts, 0),
    )


@TASK_UTILS.register_module()
@dataclass(frozen=True)
class CenterAssigner:
    """Assign each point the ground truth with the nearest centre among its candidates.

    A ground truth is a candidate if the point lies strictly inside the square around its centre,
    and the largest distance to a side of its 2D box is in the range of the point's level.

    Attributes:
        regress_ranges: for each level the closed range of the largest distance from a point to a
            side of its 2D box, aug pixels.
        num_classes: K, the background label.
        center_radius: half side of the square, in strides.
        centerness_alpha: decay of the centerness with the distance in units of that radius.
    """

    regress_ranges: Sequence[tuple[float, float]]
    num_classes: int
    center_radius: float = 1.5
    centerness_alpha: float = 2.5

    @torch.no_grad()
    def __call__(
        self, maps: ProposalMaps, ground_truth: GroundTruth, num_imgs: int
    ) -> PointTargets:
        """Targets of all points of a batch.

        Args:
            maps: points and strides of the levels are read.
            ground_truth: of the batch.
            num_imgs: B.
        """
        grid = make_point_grid(maps.points, maps.strides, self.regress_ranges)
        return self.assign(grid, ground_truth, num_imgs)

    def assign(self, grid: PointGrid, ground_truth: GroundTruth, num_imgs: int) -> PointTargets:
        """Targets of the points of a grid."""
        targets = [
            _assign_image(grid, ground_truth, img_ind, self.num_classes, self.center_radius)
            for img_ind in range(num_imgs)
        ]
        labels, gt_inds, distances, offsets = (
            torch.stack(each) for each in zip(*targets, strict=True)
        )
        # 1.414 instead of the root of 2 as published
        reach = 1.414 * self.center_radius * grid.strides
        centerness = torch.exp(-self.centerness_alpha * offsets / reach)
        return PointTargets(labels, gt_inds, distances, centerness)


def _assign_image(
    grid: PointGrid, truth: GroundTruth, img_ind: int, background: int, center_radius: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Labels (P,), gt_inds (P,), distances (P, 4), offsets to the centre (P,), inf if none."""
    mine = (truth.img_inds == img_ind).nonzero()[:, 0]
    points = grid.points[:, None]
    if len(mine) == 0:
        labels = mine.new_full((len(points),), background)
        offsets = points.new_full((len(points),), torch.inf)
        return labels, torch.zeros_like(labels), points.new_zeros(len(points), 4), offsets

    bboxes, delta = truth.bboxes[mine], points - truth.centers[mine]  # (P, G, 2)
    distances = torch.cat([points - bboxes[:, :2], bboxes[:, 2:] - points], -1)  # (P, G, 4)
    extent = distances.amax(-1)
    near = delta.abs().amax(-1) < center_radius * grid.strides[:, None]
    low, high = grid.regress_ranges[:, None].unbind(-1)
    candidate = near & (extent >= low) & (extent <= high)
    offsets, chosen = delta.norm(dim=-1).masked_fill(~candidate, torch.inf).min(1)
    labels = torch.where(offsets.isinf(), background, truth.labels[mine][chosen])
    distances = distances[torch.arange(len(chosen), device=chosen.device), chosen]
    return labels, mine[chosen], distances, offsets
