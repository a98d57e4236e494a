"""Monte Carlo pose loss: the divergence of the pose density from the true pose.

Source: EPro-PnP (arXiv 2203.13254), equations 5 and 6, and the appendix on loss normalisation.
"""

import torch
from torch import Tensor, nn

from epropnp.arguments import check_floating, check_number, check_tensor
from epropnp.parts import mean_over_parts


def monte_carlo_pose_loss(pose_sample_logweights: Tensor, cost_target: Tensor) -> Tensor:
    """Negative log density of the true pose, up to the constant log S.

    It can be negative: a density may exceed one. An object whose loss is not finite contributes
    zero, to the loss and to every gradient.

    Args:
        pose_sample_logweights: (S, B) log importance weights.
        cost_target: (B,) cost of the true pose.

    Returns:
        (B,) cost of the true pose plus logsumexp of the weights.

    Raises:
        TypeError: they are not floating-point tensors; `cost_target` is None without a true pose.
        ValueError: shapes that do not fit.
    """
    check_floating("pose_sample_logweights", pose_sample_logweights)
    check_tensor("pose_sample_logweights", pose_sample_logweights, ("samples", "objects"))
    check_floating("cost_target", cost_target)
    check_tensor("cost_target", cost_target, tuple(pose_sample_logweights.shape[1:]))
    with torch.no_grad():
        usable = (pose_sample_logweights.logsumexp(0) + cost_target).isfinite()
    log_weights = torch.where(usable, pose_sample_logweights, 0.0)
    loss = torch.where(usable, cost_target, 0.0) + log_weights.logsumexp(0)
    return torch.where(usable, loss, 0.0)


class MonteCarloPoseLoss(nn.Module):
    """Weighted mean of `monte_carlo_pose_loss`, divided by a running mean of the weight scale.

    The gradient of the loss grows with the scale of the correspondence weights; dividing by its
    running mean keeps the step size of training independent of it.

    Args:
        loss_weight: factor of the loss.
        init_norm_factor: start of the running mean.
        momentum: share of a new batch in the running mean, 0 to 1.

    Raises:
        TypeError: something that is not a number.
        ValueError: one out of its range.
    """

    def __init__(
        self, loss_weight: float = 1.0, init_norm_factor: float = 1.0, momentum: float = 0.01
    ):
        super().__init__()
        check_number("loss_weight", loss_weight)
        check_number("momentum", momentum, 0.0)
        check_number("init_norm_factor", init_norm_factor)
        if momentum > 1:
            raise ValueError(f"momentum must be 0 to 1, got {momentum}")
        if not 0 < init_norm_factor < torch.inf:
            raise ValueError(f"init_norm_factor must be above zero, got {init_norm_factor}")
        self.loss_weight = loss_weight
        self.momentum = momentum
        self.register_buffer("norm_factor", torch.tensor(float(init_norm_factor)))

    def forward(
        self,
        pose_sample_logweights: Tensor,
        cost_target: Tensor,
        norm_factor: float | Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
    ) -> Tensor:
        """Compute the loss of a batch; in training the running mean is updated first.

        Args:
            pose_sample_logweights: (S, B) log importance weights.
            cost_target: (B,) cost of the true pose.
            norm_factor: weight scale of this batch; averaged over the elements of all its parts,
                see `epropnp.parts`. No element at all, in no process, does not move the mean.
            weight: (B,) weights of the objects.
            avg_factor: divisor of the weighted sum, above zero; the number of objects if None.

        Returns:
            Scalar loss; zero for no objects.

        Raises:
            TypeError: arguments of the wrong kind.
            ValueError: shapes that do not fit.
        """
        _check_factor("norm_factor", norm_factor)
        if avg_factor is not None:
            _check_factor("avg_factor", avg_factor)
            if isinstance(avg_factor, Tensor):
                check_tensor("avg_factor", avg_factor.squeeze(), ())
                avg_factor = avg_factor.squeeze()
            elif avg_factor <= 0:
                raise ValueError(f"avg_factor must be above zero, got {avg_factor}")
        loss = monte_carlo_pose_loss(pose_sample_logweights, cost_target)
        if weight is not None:
            check_tensor("weight", weight, tuple(loss.shape))
        if self.training:
            self._update(norm_factor)
        if weight is not None:
            loss = loss * weight
        if avg_factor is None:
            avg_factor = max(loss.numel(), 1)
        return loss.sum() * self.loss_weight / (avg_factor * self.norm_factor)

    @torch.no_grad()
    def _update(self, norm_factor: float | Tensor) -> None:
        """Mix the batch value into the running mean; a value that is not finite is left out."""
        if not isinstance(norm_factor, Tensor):
            norm_factor = self.norm_factor.new_full((), norm_factor)
        scales = norm_factor.detach().to(self.norm_factor)
        shares = torch.stack((scales.sum(), scales.new_full((), scales.numel())))
        total, count = mean_over_parts(shares)
        batch = torch.where((count > 0) & total.isfinite(), total / count, self.norm_factor)
        self.norm_factor.lerp_(batch, self.momentum)


def _check_factor(name: str, value: float | Tensor) -> None:
    """Refuse what is neither a number nor a tensor of real ones."""
    if not isinstance(value, Tensor):
        check_number(name, value)
    elif value.is_complex():
        raise TypeError(f"{name} must hold real numbers, got {value.dtype}")
