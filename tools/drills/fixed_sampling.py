"""Random numbers that do not depend on how a batch is divided, to compare divisions of it.

Every object of a batch gets the same noise, and instead of drawn points the detector trains on all
points of each object, with equal weights.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.nn.modules.batchnorm import _BatchNorm

from epropnp_det.models.structures import ObjectSamples

CELLS = 24 * 24  # of a crop of the small 6DoF network, which draws (crops, cells)


@dataclass(frozen=True)
class EveryPoint:
    """Object sampler that takes every point which has a ground truth, with weight one."""

    num_classes: int
    num_per_img: int = 0

    def __call__(self, targets, num_gts: int, generator=None) -> ObjectSamples:
        """As `CenternessSampler`."""
        img_inds, point_inds = (targets.labels < self.num_classes).nonzero(as_tuple=True)
        labels = targets.labels[img_inds, point_inds]
        ones = torch.ones(len(labels), device=labels.device)
        gt_inds = targets.gt_inds[img_inds, point_inds]
        return ObjectSamples(img_inds, point_inds, labels, gt_inds, ones, ones)


def alike_for_all_objects(draw: Callable) -> Callable:
    """``torch.rand`` or ``torch.randn`` that repeats its numbers along the objects of a batch."""

    def drawn(*shape, generator=None, **kwargs):
        shape = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
        kwargs["generator"] = torch.Generator().manual_seed(len(shape))
        axis = batch_axis(shape)
        if axis is None:
            return draw(shape, **kwargs)
        narrow = (*shape[:axis], 1, *shape[axis + 1 :])
        return draw(narrow, **kwargs).expand(shape).clone()

    return drawn


def batch_axis(shape: tuple[int, ...]) -> int | None:
    """Axis of the objects: (B,), (B, cells), else (samples, B, ...)."""
    if not shape:
        return None
    return 0 if len(shape) == 1 or shape[1:] == (CELLS,) else 1


class FixedSampling(Hook):
    """Replaces torch's random numbers, and keeps batch normalisation from looking at batches."""

    def before_train(self, runner: Runner) -> None:
        """Replace them for the rest of the process."""
        torch.rand = alike_for_all_objects(torch.rand)
        torch.randn = alike_for_all_objects(torch.randn)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Let batch normalisation use its running means."""
        for module in runner.model.modules():
            if isinstance(module, _BatchNorm):
                module.eval()


class SpreadPoints(Hook):
    """Puts the points that an untrained 6DoF network finds of an object apart.

    Its last layer starts close to zero: all points lie at one place and determine no pose, so that
    a change of the weights by 1e-7 changes pose losses by 9 %.
    """

    FACTOR = 5000.0  # coordinates of about one half of an object's size

    def before_train(self, runner: Runner) -> None:
        """Scale the last layer."""
        model = getattr(runner.model, "module", runner.model)
        with torch.no_grad():
            model.head.out_layer.weight.mul_(self.FACTOR)
