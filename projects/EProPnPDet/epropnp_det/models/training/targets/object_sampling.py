"""Draw the training objects of a batch from the points assigned to ground truths.

Half of the objects are drawn uniformly, half in proportion to the centerness; importance weights
undo both, and let every ground truth count as a mean over its own points (paper, appendix).
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from mmdet3d.registry import TASK_UTILS
from torch import Generator, Tensor

from ...structures import ObjectSamples
from .point_targets import PointTargets


class ForegroundPoints(NamedTuple):
    """Candidates of the draw.

    Attributes:
        img_inds: (F,) long, image of the batch.
        point_inds: (F,) long, point of that image.
        labels: (F,) long.
        gt_inds: (F,) long, ground truth of the batch.
        probs: (F,) centerness normalised to sum 1.
    """

    img_inds: Tensor
    point_inds: Tensor
    labels: Tensor
    gt_inds: Tensor
    probs: Tensor


def foreground_points(targets: PointTargets, num_classes: int) -> ForegroundPoints:
    """Collect the points that have a ground truth."""
    img_inds, point_inds = (targets.labels < num_classes).nonzero(as_tuple=True)
    centerness = targets.centerness[img_inds, point_inds]
    return ForegroundPoints(
        img_inds,
        point_inds,
        targets.labels[img_inds, point_inds],
        targets.gt_inds[img_inds, point_inds],
        centerness / centerness.sum().clamp(min=1e-5),
    )


def draw_points(
    foreground: ForegroundPoints, num_samples: int, generator: Generator | None = None
) -> Tensor:
    """Draw candidates: half uniformly without, the rest by probability with replacement.

    Args:
        foreground: F candidates.
        num_samples: M.
        generator: of the device of ``foreground``.

    Returns:
        (M,) long indices into the candidates; (0,) without candidates.
    """
    num_points = len(foreground.probs)
    if num_points == 0:
        return foreground.img_inds
    device = foreground.probs.device
    num_uniform = min(round(num_samples / 2), num_points)
    uniform = torch.randperm(num_points, device=device, generator=generator)[:num_uniform]
    weighted = torch.multinomial(
        foreground.probs, num_samples - num_uniform, replacement=True, generator=generator
    )
    return torch.cat([uniform, weighted])


def weigh_samples(
    foreground: ForegroundPoints, drawn: Tensor, num_gts: int
) -> tuple[Tensor, Tensor]:
    """Importance weights of drawn candidates.

    Args:
        foreground: F candidates.
        drawn: (M,) indices into them.
        num_gts: ground truths of the batch.

    Returns:
        Weights (M,) proportional to p / q normalised per ground truth, and weights (M,) that only
        count every ground truth equally; both with mean 1.
    """
    num_samples = len(drawn)
    if num_samples == 0:
        return foreground.probs[drawn], foreground.probs[drawn]
    num_points = len(foreground.probs)
    share = min(round(num_samples / 2), num_points) / num_samples  # drawn uniformly
    probs = foreground.probs[drawn]
    ratios = probs / (share / num_points + (1 - share) * probs)
    gt_inds = foreground.gt_inds[drawn]
    return (
        _balance(ratios, gt_inds, num_gts),
        _balance(torch.ones_like(ratios), gt_inds, num_gts),
    )


@TASK_UTILS.register_module()
@dataclass(frozen=True)
class CenternessSampler:
    """Draw the objects that train the object branches and the pose.

    Attributes:
        num_classes: K.
        num_per_img: objects per image, pooled over the batch; none are drawn if no point has a
            ground truth.
    """

    num_classes: int
    num_per_img: int = 48

    @torch.no_grad()
    def __call__(
        self,
        targets: PointTargets,
        num_gts: int,
        generator: Generator | None = None,
    ) -> ObjectSamples:
        """Draw M objects.

        Args:
            targets: of all points of the B images of a batch.
            num_gts: ground truths of the batch.
            generator: of the device of ``targets``.
        """
        num_samples = len(targets.labels) * self.num_per_img
        foreground = foreground_points(targets, self.num_classes)
        drawn = draw_points(foreground, num_samples, generator)
        return gather_samples(foreground, drawn, num_gts)


def gather_samples(foreground: ForegroundPoints, drawn: Tensor, num_gts: int) -> ObjectSamples:
    """Samples of given draws (M,) with their weights."""
    weights, uniform_weights = weigh_samples(foreground, drawn, num_gts)
    return ObjectSamples(
        foreground.img_inds[drawn],
        foreground.point_inds[drawn],
        foreground.labels[drawn],
        foreground.gt_inds[drawn],
        weights,
        uniform_weights,
    )


def _balance(weights: Tensor, gt_inds: Tensor, num_gts: int) -> Tensor:
    """Divide weights (M,) by their sum per ground truth, then by their mean."""
    totals = weights.new_zeros(num_gts).index_add(0, gt_inds, weights)
    weights = weights / totals[gt_inds].clamp(min=1e-5)
    return weights / weights.mean().clamp(min=1e-5)
