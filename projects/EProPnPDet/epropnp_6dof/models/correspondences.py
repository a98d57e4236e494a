"""From dense maps to weighted 2D-3D correspondences (paper section 5.1)."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from .structures import CropBatch, DenseMaps


class Correspondences(NamedTuple):
    """Object points (B, n, 3) metres, pixels (B, n, 2) and weights (B, n, 2) in 1 / pixel."""

    x3d: Tensor
    x2d: Tensor
    w2d: Tensor


Weighting = Callable[[Tensor, Tensor, Tensor], Tensor]


def softmax_weights(logits: Tensor, scale: Tensor, grid_step: Tensor) -> Tensor:
    """Softmax over the points times a scale that counts in cells of the crop (version 2).

    Args:
        logits: (B, n, 2).
        scale: (B, 2).
        grid_step: (B,) pixels per cell; makes the weights invariant to zoom.
    """
    return logits.softmax(dim=1) * (scale / grid_step[:, None])[:, None]


def centered_exp_weights(logits: Tensor, scale: Tensor, grid_step: Tensor) -> Tensor:
    """Exponential of centred logits over n, times a scale in pixels (version 1)."""
    centered = logits - logits.mean(dim=1, keepdim=True) - math.log(logits.shape[1])
    return centered.exp() * scale[:, None]


WEIGHTINGS: dict[str, Weighting] = {
    "softmax": softmax_weights,
    "centered_exp": centered_exp_weights,
}


def find_weighting(name: str) -> Weighting:
    """Weighting by its name in a config.

    Raises:
        ValueError: for an unknown name.
    """
    if name not in WEIGHTINGS:
        raise ValueError(f"weighting={name!r}: use one of {sorted(WEIGHTINGS)}")
    return WEIGHTINGS[name]


def grid_pixels(batch: CropBatch, height: int, width: int) -> Tensor:
    """Pixels (B, h * w, 2) of the cells, row by row."""
    like = batch.grid_origin
    rows = torch.arange(height, dtype=like.dtype, device=like.device)
    columns = torch.arange(width, dtype=like.dtype, device=like.device)
    v, u = torch.meshgrid(rows, columns, indexing="ij")
    cells = torch.stack((u, v), dim=-1).reshape(1, -1, 2)
    return batch.grid_origin[:, None] + cells * batch.grid_step[:, None, None]


def random_points(batch_size: int, total: int, count: int, like: Tensor) -> Tensor:
    """Indices (B, count) of distinct cells, drawn uniformly per crop."""
    return torch.rand(batch_size, total, device=like.device).topk(count, dim=1).indices


def gather_correspondences(
    maps: DenseMaps, batch: CropBatch, weighting: Weighting, indices: Tensor | None = None
) -> Correspondences:
    """Correspondences of all cells, or of (B, n) chosen ones (weights normalised over these)."""
    height, width = maps.noc.shape[-2:]
    noc = maps.noc.flatten(2).mT
    logits = maps.weight_logits.flatten(2).mT
    pixels = grid_pixels(batch, height, width)
    if indices is not None:
        noc, logits, pixels = (
            field.gather(1, indices[..., None].expand(-1, -1, field.shape[-1]))
            for field in (noc, logits, pixels)
        )
    x3d = noc * batch.coord_scale[:, None]
    return Correspondences(x3d, pixels, weighting(logits, maps.scale, batch.grid_step))
