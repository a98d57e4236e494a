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


def project_grid(geometry: BatchGeometry, map_size: tuple[int, int], projection: Tensor) -> Tensor:
    """Encode the cells of a feature map and project the encodings, one axis after the other.

    The encoding of a cell is C / 2 features of its row, then C / 2 of its column, so that its
    projection is a sum of two and the encodings of whole maps need not exist.

    Cells are counted along rows and columns, relative to the part of the map that is not padding; a
    column (or row) of padding only has no extent to relate to, and its cells get angles of millions
    of radians. The published weights were trained with these values, which bilinear sampling sees
    at the right and bottom border.

    Args:
        geometry: the batch; images lie at the top left of the padded batch.
        map_size: (height, width) of the feature map.
        projection: (D, C) weights; C is a multiple of 4.

    Returns:
        (B, D, height, width).
    """
    rows, columns = (
        _inside(geometry.img_shapes[:, axis], geometry.pad_shape[axis], map_size[axis])
        for axis in (0, 1)
    )
    of_rows, of_columns = projection.chunk(2, dim=1)
    return _project_axis(rows, columns, of_rows) + _project_axis(columns, rows, of_columns).mT


def _project_axis(inside: Tensor, across: Tensor, projection: Tensor) -> Tensor:
    """Projected encodings (B, D, n, m) of n cells along an axis, for m cells across it.

    Args:
        inside: (B, n) 1 for cells along the axis that belong to the image, 0 for padding.
        across: (B, m) likewise, cells across it.
        projection: (D, F).
    """
    num_features = projection.shape[1]
    own, of_padding = (
        (sine_encoding(_relative_angles(mask), num_features).to(projection) @ projection.T).mT
        for mask in (inside, torch.zeros_like(inside))
    )
    return torch.where(across[:, None, None] > 0, own[..., None], of_padding[..., None])


def _inside(img_sizes: Tensor, pad_size: int, num_cells: int) -> Tensor:
    """1 for cells (B, cells) along one axis whose nearest pixel belongs to the image, else 0."""
    cells = torch.arange(num_cells, dtype=img_sizes.dtype, device=img_sizes.device)
    return ((cells * (pad_size / num_cells)).floor() < img_sizes[:, None]).to(cells)


def _relative_angles(inside: Tensor, eps: float = 1e-6) -> Tensor:
    """Angles (B, cells) of cell centres relative to the number of cells inside."""
    counts = inside.cumsum(dim=-1)
    return (counts - 0.5) / (counts[:, -1:] + eps) * (2 * math.pi)
