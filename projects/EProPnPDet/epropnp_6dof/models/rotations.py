"""Rotation matrices and quaternions (w, i, j, k)."""

import torch
from torch import Tensor


def matrix_to_quaternion(matrices: Tensor) -> Tensor:
    """Unit quaternion (..., 4) of rotation matrices (..., 3, 3).

    The quaternion is the top eigenvector of Bar-Itzhack's 4x4 matrix (J. Guidance 2000), which is
    stable for every angle and projects a nearly orthonormal matrix to the nearest rotation.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (
        row.unbind(-1) for row in matrices.double().unbind(-2)
    )
    rows = [
        torch.stack((xx + yy + zz, zy - yz, xz - zx, yx - xy), dim=-1),
        torch.stack((zy - yz, xx - yy - zz, yx + xy, xz + zx), dim=-1),
        torch.stack((xz - zx, yx + xy, yy - xx - zz, zy + yz), dim=-1),
        torch.stack((yx - xy, xz + zx, zy + yz, zz - xx - yy), dim=-1),
    ]
    symmetric = torch.stack(rows, dim=-2)
    quaternion = torch.linalg.eigh(symmetric).eigenvectors[..., -1]
    positive = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    return positive.to(matrices.dtype)


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
