"""Encoding of object dimensions."""

from collections.abc import Sequence

import torch
from mmdet3d.registry import TASK_UTILS
from torch import Tensor, nn


@TASK_UTILS.register_module()
class MultiClassLogDimCoder(nn.Module):
    """Log dimensions, standardised by the statistics of each class.

    ``code = (log d - log mean) / (std / mean)``: ``std / mean`` is to first order the standard
    deviation of ``log d``.

    Args:
        target_means: (K, 3) mean (length, height, width) of each class, metres.
        target_stds: (K, 3) standard deviations, metres.
    """

    def __init__(
        self, target_means: Sequence[Sequence[float]], target_stds: Sequence[Sequence[float]]
    ) -> None:
        super().__init__()
        means = torch.tensor(target_means, dtype=torch.float64)
        stds = torch.tensor(target_stds, dtype=torch.float64)
        if means.shape != stds.shape or means.ndim != 2 or means.shape[1] != 3:
            raise ValueError(
                "target_means and target_stds must both be (num_classes, 3), got "
                f"{tuple(means.shape)} and {tuple(stds.shape)}"
            )
        self.register_buffer("log_means", means.log().float(), persistent=False)
        self.register_buffer("log_stds", (stds / means).float(), persistent=False)

    def encode(self, dims: Tensor, labels: Tensor) -> Tensor:
        """Encode dimensions (M, 3) in metres of objects with labels (M,)."""
        return (dims.log() - self.log_means[labels]) / self.log_stds[labels]

    def decode(self, codes: Tensor, labels: Tensor) -> Tensor:
        """Decode codes (M, 3) of objects with labels (M,) to metres."""
        return (codes * self.log_stds[labels] + self.log_means[labels]).exp()
