"""Rotation matrices of quaternions (w, i, j, k)."""

import torch
from torch import Tensor


def quaternion_to_matrix(quaternions: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    w, i, j, k = quaternions.unbind(-1)
    entries = [
        1 - 2 * (j * j + k * k),
        2 * (i * j - k * w),
        2 * (i * k + j * w),
        2 * (i * j + k * w),
        1 - 2 * (i * i + k * k),
        2 * (j * k - i * w),
        2 * (i * k - j * w),
        2 * (j * k + i * w),
        1 - 2 * (i * i + j * j),
    ]
    return torch.stack(entries, dim=-1).unflatten(-1, (3, 3))
