"""Losses on residual vectors and on angles."""

from mmdet.models.losses.utils import weight_reduce_loss
from mmdet3d.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class VectorSmoothL1Loss(nn.Module):
    """Smooth L1 of the length of a residual vector, so that its direction does not matter.

    Args:
        beta: length at which the loss changes from quadratic to linear, unit of the vectors.
        reduction: "mean", "sum" or "none".
        loss_weight: factor.
    """

    def __init__(
        self, beta: float = 1.0, reduction: str = "mean", loss_weight: float = 1.0
    ) -> None:
        super().__init__()
        self.beta = beta
        self.reduction = reduction
        self.loss_weight = loss_weight

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: Tensor | float | None = None,
    ) -> Tensor:
        """Reduce the loss of N vectors.

        Args:
            pred: (N, D).
            target: (N, D).
            weight: (N,).
            avg_factor: divisor of the sum instead of N.

        Raises:
            ValueError: shapes that do not fit; they would be broadcast in silence.
        """
        _check_vectors(pred, target, weight)
        squared = (pred - target).square().sum(-1)
        # a root only where the loss is linear: its derivative has no limit at zero
        length = squared.clamp(min=self.beta**2).sqrt()
        loss = length - 0.5 * self.beta + (squared - length.square()) / (2 * self.beta)
        return self.loss_weight * weight_reduce_loss(loss, weight, self.reduction, avg_factor)


def _check_vectors(pred: Tensor, target: Tensor, weight: Tensor | None) -> None:
    given = (pred, target) if weight is None else (pred, target, weight)
    shapes = [tuple(tensor.shape) for tensor in given]
    if shapes != [shapes[0], shapes[0], shapes[0][:-1]][: len(shapes)]:
        raise ValueError(
            "VectorSmoothL1Loss takes vectors (N, D), targets (N, D) and weights (N,), got "
            + ", ".join(map(str, shapes))
        )


@MODELS.register_module()
class CosineAngleLoss(nn.Module):
    """One minus the cosine of the difference of two angles.

    Args:
        reduction: "mean", "sum" or "none".
        loss_weight: factor.
    """

    def __init__(self, reduction: str = "mean", loss_weight: float = 1.0) -> None:
        super().__init__()
        self.reduction = reduction
        self.loss_weight = loss_weight

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: Tensor | float | None = None,
    ) -> Tensor:
        """Reduce the loss of N angles in radians.

        Args:
            pred: (N,).
            target: (N,).
            weight: (N,).
            avg_factor: divisor of the sum instead of N.
        """
        loss = 1 - (pred - target).cos()
        return self.loss_weight * weight_reduce_loss(loss, weight, self.reduction, avg_factor)
