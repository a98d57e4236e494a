"""Smooth L1 regression of a target by several modes (v1's coordinate regression)."""

from mmdet3d.registry import MODELS
from torch import Tensor, nn

from .regression import VectorSmoothL1Loss


@MODELS.register_module()
class MixtureSmoothL1Loss(nn.Module):
    """Smooth L1 of the distance between a target and each mode, averaged by the mixture weights.

    Unlike a likelihood it asks every mode with weight to meet the target.

    Args:
        beta: distance at which the loss changes from quadratic to linear.
        loss_weight: factor.
    """

    def __init__(self, beta: float = 0.05, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.distance_loss = VectorSmoothL1Loss(beta=beta, loss_weight=loss_weight)

    def forward(
        self, pred: Tensor, target: Tensor, log_mixture: Tensor, avg_factor: Tensor | float
    ) -> Tensor:
        """Sum the loss of N targets and divide it.

        Args:
            pred: (N, J, D) modes.
            target: (N, D).
            log_mixture: (N, J) normalised log weights of the modes.
            avg_factor: divisor of the sum.
        """
        target = target[:, None].expand_as(pred)
        return self.distance_loss(pred, target, weight=log_mixture.exp(), avg_factor=avg_factor)
