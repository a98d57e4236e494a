"""Encoding of object dimensions."""

from collections.abc import Mapping, Sequence

import torch
from mmdet3d.registry import TASK_UTILS
from torch import Tensor, nn

Statistics = Mapping[str, Sequence[float]] | Sequence[Sequence[float]]


@TASK_UTILS.register_module()
class MultiClassLogDimCoder(nn.Module):
    """Log dimensions, standardised by the statistics of each class.

    ``code = (log d - log mean) / (std / mean)``: ``std / mean`` is to first order the standard
    deviation of ``log d``.

    Args:
        target_means: mean (length, height, width) of each class by its name, metres; or (K, 3) in
            the order of the labels.
        target_stds: likewise, standard deviations.
        classes: names in the order of the labels, where the statistics are given by name.

    Raises:
        ValueError: a class without statistics, or tables of another shape.
    """

    def __init__(
        self,
        target_means: Statistics,
        target_stds: Statistics,
        classes: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        target_means = _in_order(target_means, classes, "target_means")
        target_stds = _in_order(target_stds, classes, "target_stds")
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


def _in_order(
    table: Statistics, classes: Sequence[str] | None, name: str
) -> Sequence[Sequence[float]]:
    """Rows of a table by class name in the order of the labels; other tables as they are."""
    if not isinstance(table, Mapping):
        return table
    if classes is None:
        raise ValueError(f"{name} is given by class name, so the coder needs classes too")
    if missing := [each for each in classes if each not in table]:
        raise ValueError(f"{name} has no entry for the classes {missing}, only for {list(table)}")
    return [table[each] for each in classes]
