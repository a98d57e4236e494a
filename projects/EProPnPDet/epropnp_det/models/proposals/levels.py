"""Levels of the pyramid: their points, and maps of all of them as one tensor."""

from typing import NamedTuple

import torch
from torch import Tensor


class Cells(NamedTuple):
    """Cells of the maps of M points.

    Attributes:
        img_inds: (M,) long, image of the batch.
        levels: (M,) long.
        rows: (M,) long.
        columns: (M,) long.
        widths: (M,) long, columns of the map of the level.
    """

    img_inds: Tensor
    levels: Tensor
    rows: Tensor
    columns: Tensor
    widths: Tensor


def find_cells(maps: list[Tensor], img_inds: Tensor, point_inds: Tensor) -> Cells:
    """Cells of points (M,), which are numbered over the levels, row major, in maps (B, C, h, w)."""
    levels = torch.zeros_like(point_inds)
    local, widths = point_inds, torch.full_like(point_inds, maps[0].shape[-1])
    start = maps[0].shape[-2:].numel()
    for level in maps[1:]:
        is_beyond = point_inds >= start
        levels = levels + is_beyond
        local = torch.where(is_beyond, point_inds - start, local)
        widths = torch.where(is_beyond, level.shape[-1], widths)
        start += level.shape[-2:].numel()
    return Cells(img_inds, levels, local // widths, local % widths, widths)


def values_at(maps: list[Tensor], cells: Cells) -> Tensor:
    """Values (M, C) of maps L x (B, C, h, w) at cells, differentiable; nothing else is copied."""
    values = None
    for number, level in enumerate(maps):
        height, width = level.shape[-2:]
        rows, columns = cells.rows.clamp(max=height - 1), cells.columns.clamp(max=width - 1)
        here = level[cells.img_inds, :, rows, columns]
        is_here = (cells.levels == number)[:, None]
        values = here if values is None else torch.where(is_here, here, values)
    return values


def mirrored_values_at(maps: list[Tensor], cells: Cells, num_columns: Tensor) -> Tensor:
    """Values (M, C) at the places of cells in mirrored maps, see :func:`mirror_columns`.

    Args:
        maps: L x (B, C, h, w).
        cells: of the mirrored maps.
        num_columns: (M,) width of the image of each cell, in cells of its level.
    """
    sources = (num_columns - 1 - cells.columns).clamp(min=0)
    left = sources.floor()
    share = (sources - left)[:, None]
    first, second = (
        values_at(maps, cells._replace(columns=columns.long())) for columns in (left, left + 1)
    )
    return first * (1 - share) + second * share


def mirror_columns(level: Tensor, num_columns: Tensor) -> Tensor:
    """Mirror maps (B, C, h, w) about the middle of their images, which are (B,) cells wide.

    Cell x takes the value at cell ``num_columns - 1 - x``, interpolated linearly.
    """
    width = level.shape[-1]
    columns = torch.arange(width, dtype=num_columns.dtype, device=level.device)
    sources = (num_columns[:, None] - 1 - columns).clamp(0, width - 1)
    left = sources.floor()
    share = (sources - left)[:, None, None]

    def take(inds: Tensor) -> Tensor:
        inds = inds.long().clamp(max=width - 1)[:, None, None].expand(*level.shape)
        return level.gather(-1, inds)

    return take(left) * (1 - share) + take(left + 1) * share


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
