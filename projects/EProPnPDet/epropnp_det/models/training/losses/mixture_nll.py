"""Robust Gaussian mixture likelihood of predicted points."""

from collections.abc import Callable

import torch
from mmdet.models.losses.utils import weight_reduce_loss
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from epropnp.parts import mean_over_parts

MAX_INV_STD = 1e4
MIN_INV_STD = 1e-4


@MODELS.register_module()
class MVDGaussianMixtureNLLLoss(nn.Module):
    """Negative log-likelihood of a target under a mixture of diagonal Gaussians with Huber tails.

    Standard deviations are predicted, or one learnt value serves all modes and axes. The loss is
    divided by the running mean of the inverse standard deviation, which keeps its gradient by the
    predicted points independent of how certain the network has become (the same idea as the
    normalisation of the Monte Carlo pose loss).

    Args:
        delta: Huber threshold in standard deviations; infinity for plain Gaussians.
        init_sigma: start of the learnt standard deviation; None if it is predicted.
        momentum: of the running mean; None for no division.
        reduction: "mean", "sum" or "none".
        loss_weight: factor.
    """

    def __init__(
        self,
        delta: float = float("inf"),
        init_sigma: float | None = None,
        momentum: float | None = 0.1,
        reduction: str = "mean",
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if delta <= 0:
            raise ValueError(f"delta must be positive (inf for plain Gaussians), got {delta}")
        self.delta = delta
        self.momentum = momentum
        self.reduction = reduction
        self.loss_weight = loss_weight
        self.log_sigma = (
            None if init_sigma is None else nn.Parameter(torch.tensor(init_sigma).log())
        )
        self.register_buffer("mean_inv_std", torch.tensor(1.0), persistent=momentum is not None)

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        log_mixture: Tensor,
        log_std: Tensor | None = None,
        weight: Tensor | None = None,
        avg_factor: Tensor | float | None = None,
        pool: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Reduce the loss of N x ... targets under mixtures of J modes.

        Args:
            pred: (N, J, ..., D) means of the modes.
            target: (N, ..., D).
            log_mixture: (N, J, ...) log weights of the modes.
            log_std: (N, J, ..., D), required exactly if no ``init_sigma`` was given.
            weight: (N, ...).
            avg_factor: divisor of the sum instead of the number of targets.
            pool: adds, in log space, what other entries contribute to the likelihood of a target,
                e.g. overlapping regions; maps (N, ...) to the same shape.
        """
        if (log_std is None) == (self.log_sigma is None):
            raise ValueError("give log_std exactly if the loss has no init_sigma")
        log_std = self.log_sigma.expand(pred.shape[-1]) if log_std is None else log_std
        inv_std = (-log_std).exp().clamp(max=MAX_INV_STD)
        squared = ((pred - target.unsqueeze(1)) * inv_std).square().sum(-1)
        component = log_mixture - self._huber(squared) - log_std.sum(-1)
        likelihood = component.logsumexp(1)
        loss = -(likelihood if pool is None else pool(likelihood))
        if self.momentum is not None:
            self._update(inv_std.detach(), log_mixture.detach())
            loss = loss / self.mean_inv_std.clamp(min=MIN_INV_STD)
        return self.loss_weight * weight_reduce_loss(loss, weight, self.reduction, avg_factor)

    def _huber(self, squared: Tensor) -> Tensor:
        if self.delta == float("inf"):
            return squared / 2
        # a root only where the loss is linear: its derivative has no limit at zero
        error = squared.clamp(min=self.delta**2).sqrt()
        outer = self.delta * error - self.delta**2 / 2
        return torch.where(squared <= self.delta**2, squared / 2, outer)

    @torch.no_grad()
    def _update(self, inv_std: Tensor, log_mixture: Tensor) -> None:
        """Track the mean inverse standard deviation over the modes of all ranks, if any."""
        if not self.training:
            return
        mixture = log_mixture.exp()
        sums = torch.stack(
            [(mixture[..., None] * inv_std).sum(), mixture.sum() * inv_std.shape[-1]]
        )
        total, count = mean_over_parts(sums)
        mean = torch.where(count > 0, total / count.clamp(min=1e-4), self.mean_inv_std)
        self.mean_inv_std.lerp_(mean, self.momentum)
