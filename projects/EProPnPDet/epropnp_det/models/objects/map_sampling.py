"""Bilinear sampling of feature maps at the points of objects that belong to different images."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..by_image import count_by_image


def sample_heads(
    maps: Tensor, points: Tensor, img_inds: Tensor, max_per_img: int | None = None
) -> Tensor:
    """Sample each head's channels at its own points, in the image of each object.

    Points outside the map take the value of the nearest border cell.

    Args:
        maps: (B, H * D, h, w), head h owns channels [h * D, (h + 1) * D).
        points: (M, H, P, 2) (x, y) in [0, 1] of the map's extent.
        img_inds: (M,) long, image of each object.
        max_per_img: most objects in one image; where it is not known, the host waits to learn it.

    Returns:
        (M, H, D, P), differentiable in maps and points.
    """
    num_heads, num_points = points.shape[1:3]
    head_maps = maps.unflatten(1, (num_heads, -1)).flatten(0, 1)
    slots, slots_per_image = _slots_by_image(img_inds, maps.shape[0], max_per_img)
    grid = points.new_zeros(maps.shape[0] * slots_per_image, num_heads, num_points, 2)
    grid = grid.index_copy(0, slots, 2 * points - 1)
    grid = grid.unflatten(0, (maps.shape[0], slots_per_image)).transpose(1, 2).flatten(0, 1)
    sampled = F.grid_sample(
        head_maps, grid, mode="bilinear", padding_mode="border", align_corners=False
    )  # (B * H, D, slots, P)
    sampled = sampled.unflatten(0, (maps.shape[0], num_heads)).permute(0, 3, 1, 2, 4)
    return sampled.flatten(0, 1)[slots]


def _slots_by_image(
    img_inds: Tensor, num_images: int, max_per_img: int | None
) -> tuple[Tensor, int]:
    """Give every object a slot in a (images, slots per image) table, at least one per image."""
    counts = count_by_image(img_inds, num_images)
    slots_per_image = max(int(counts.max()) if max_per_img is None else max_per_img, 1)
    order = img_inds.argsort(stable=True)
    first = counts.cumsum(0) - counts
    rank_sorted = torch.arange(order.shape[0], device=order.device) - first[img_inds[order]]
    rank = torch.empty_like(order).index_copy_(0, order, rank_sorted)
    return img_inds * slots_per_image + rank, slots_per_image
