"""Losses on coordinates and on the pose after one Gauss-Newton step (spec of version 2)."""

import torch
from torch import Tensor
from torch.nn import functional

TRANSLATION_BETA = 0.05  # metres


def coordinate_loss(noc: Tensor, noc_gt: Tensor, mask: Tensor) -> Tensor:
    """Masked L1 of normalised coordinates, mean over all cells and axes.

    Args:
        noc: (B, 3, h, w) predictions.
        noc_gt: (B, 3, h, w) targets.
        mask: (B, 1, h, w) in [0, 1].
    """
    return (mask * (noc - noc_gt)).abs().mean()


def translation_loss(poses: Tensor, poses_gt: Tensor) -> Tensor:
    """Mean smooth L1 of the Euclidean translation error, poses (B, 7)."""
    distance = torch.linalg.vector_norm(poses[:, :3] - poses_gt[:, :3], dim=-1)
    return functional.smooth_l1_loss(distance, torch.zeros_like(distance), beta=TRANSLATION_BETA)


def rotation_loss(poses: Tensor, poses_gt: Tensor) -> Tensor:
    """Mean of 2 (1 - <q, q_gt>^2) = 1 - cos(angle), poses (B, 7)."""
    dot = (poses[:, 3:] * poses_gt[:, 3:]).sum(-1)
    return (2 * (1 - dot.square())).mean()
