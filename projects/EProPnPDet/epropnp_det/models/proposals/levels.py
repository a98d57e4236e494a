"""Levels of the pyramid: their points, and maps of all of them as one tensor."""

import torch
from torch import Tensor


def flatten_levels(maps: list[Tensor]) -> Tensor:
    """Concatenate maps L x (B, C, h, w) to (B, P, C), points row major within a level."""
    return torch.cat([level.flatten(2).mT for level in maps], dim=1)


def level_points(size: tuple[int, int], stride: int, like: Tensor) -> Tensor:
    """Points (h * w, 2) of a map in aug pixels, row major: the middle pixel corner of each cell.

    Args:
        size: (h, w) of the map.
        stride: aug pixels per cell.
        like: a tensor that gives device and type; half precision is too coarse for pixels.
    """
    dtype = torch.promote_types(like.dtype, torch.float32)
    y, x = (
        torch.arange(length, dtype=dtype, device=like.device) * stride + stride // 2
        for length in size
    )
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(-1, 2)
