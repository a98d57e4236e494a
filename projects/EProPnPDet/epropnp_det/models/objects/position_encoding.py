"""Sine encodings of image positions, for grids of features and for single points."""

import math

import torch
from torch import Tensor

from ..structures import BatchGeometry


def sine_encoding(angles: Tensor, num_features: int, temperature: float = 10000.0) -> Tensor:
    """Encode angles by sines (even features) and cosines (odd features) of falling frequency.

    Args:
        angles: (...) positions in radians; an image spans 2 pi.
        num_features: even number of features F.
        temperature: ratio between the highest and the lowest frequency.

    Returns:
        (..., F) features in [-1, 1].
    """
    exponents = torch.arange(num_features // 2, dtype=angles.dtype, device=angles.device)
    phases = angles[..., None] / temperature ** (2 * exponents / num_features)
    return torch.stack((phases.sin(), phases.cos()), dim=-1).flatten(-2)


def encode_points(points: Tensor, sizes: Tensor, num_features: int) -> Tensor:
    """Encode points of images.

    Args:
        points: (M, 2) (x, y), aug pixels.
        sizes: (M, 2) (height, width) of the images before padding, aug pixels.
        num_features: number of features C, a multiple of 4.

    Returns:
        (M, C): C / 2 features of y, then C / 2 of x.
    """
    angles = points.flip(-1) / sizes * (2 * math.pi)
    return sine_encoding(angles, num_features // 2).flatten(-2)


def encode_grid(geometry: BatchGeometry, map_size: tuple[int, int], num_features: int) -> Tensor:
    """Encode the cells of a feature map, relative to the part of it that is not padding.

    Cells are counted along rows and columns; a column (or row) of padding only has no extent to
    relate to, and its cells get angles of millions of radians. The published weights were trained
    with these values, which bilinear sampling sees at the right and bottom border.

    Args:
        geometry: the batch; images lie at the top left of the padded batch.
        map_size: (height, width) of the feature map.
        num_features: number of features C, a multiple of 4.

    Returns:
        (B, C, height, width): C / 2 features of y, then C / 2 of x.
    """
    rows, columns = (
        _inside(geometry.img_shapes[:, axis], geometry.pad_shape[axis], map_size[axis])
        for axis in (0, 1)
    )
    valid = (rows[:, :, None] & columns[:, None]).to(geometry.img_shapes.dtype)
    features = [sine_encoding(_relative_angles(valid, axis), num_features // 2) for axis in (1, 2)]
    return torch.cat(features, dim=-1).permute(0, 3, 1, 2)


def _inside(img_sizes: Tensor, pad_size: int, num_cells: int) -> Tensor:
    """Mask (B, cells) of cells along one axis whose nearest pixel belongs to the image."""
    cells = torch.arange(num_cells, dtype=img_sizes.dtype, device=img_sizes.device)
    return (cells * (pad_size / num_cells)).floor() < img_sizes[:, None]


def _relative_angles(valid: Tensor, axis: int, eps: float = 1e-6) -> Tensor:
    """Angles (B, h, w) of cell centres along an axis, relative to the number of valid cells."""
    counts = valid.cumsum(dim=axis)
    total = counts.select(axis, -1).unsqueeze(axis)
    return (counts - 0.5) / (total + eps) * (2 * math.pi)
