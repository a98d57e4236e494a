"""Vectors of mirrored objects."""

import torch
from torch import Tensor


def mirror_axis(vectors: Tensor, flips: Tensor, axis: int) -> Tensor:
    """Negate one component of the vectors (M, ..., D) of mirrored objects.

    Args:
        vectors: (M, ..., D).
        flips: (M,) bool.
        axis: component of the last dimension.
    """
    num_objects, width = vectors.shape[0], vectors.shape[-1]
    is_axis = torch.arange(width, device=vectors.device) == axis
    signs = torch.where(flips[:, None] & is_axis, -1, 1)
    return vectors * signs.view(num_objects, *[1] * (vectors.ndim - 2), width)
