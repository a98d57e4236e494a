"""From sampled locations in the network input to points of the original image and their validity.

Parts of the deformable sampler, chosen by config: :class:`AnalyticImagePoints` (v2) inverts the
image transform, :class:`RasterImagePoints` (v1) interpolates maps of pixel coordinates.
"""

from typing import Protocol

import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from ..geometry.pixels import to_original_pixels
from ..structures import BatchGeometry


class ImagePoints(Protocol):
    """Map locations of objects to original pixels and border weights."""

    def __call__(
        self, locations: Tensor, img_inds: Tensor, geometry: BatchGeometry
    ) -> tuple[Tensor, Tensor]:
        """Map ``locations`` (M, n, 2), aug pixels, to x2d (M, n, 2) and a mask (M, n) in [0, 1]."""
        ...


@MODELS.register_module()
class AnalyticImagePoints(nn.Module):
    """Invert the image transform; points may lie outside the image but get no weight there.

    The mask falls linearly from 1 to 0 over one stride across each border.

    Args:
        stride: width of the ramp, aug pixels.
        border_ramp: "centered" puts every ramp half inside, half outside the image; "published"
            is the behaviour of the published v2 code, whose left and top ramps lie one stride
            further inside (for stride 8: 4..12 pixels), which its checkpoints were trained with.
    """

    def __init__(self, stride: int = 8, border_ramp: str = "centered") -> None:
        super().__init__()
        if border_ramp not in ("centered", "published"):
            raise ValueError(f"border_ramp must be 'centered' or 'published', got {border_ramp!r}")
        self.stride = stride
        self.low_start = stride / 2 if border_ramp == "published" else -stride / 2

    def forward(
        self, locations: Tensor, img_inds: Tensor, geometry: BatchGeometry
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImagePoints`."""
        x2d = to_original_pixels(locations, geometry.img_transforms, img_inds)
        sizes = geometry.img_shapes[img_inds].flip(-1)[:, None]
        low = (locations - self.low_start) / self.stride
        high = (sizes + self.stride / 2 - locations) / self.stride
        mask = torch.minimum(low.clamp(0, 1), high.clamp(0, 1)).prod(dim=-1)
        return x2d, mask


@MODELS.register_module()
class RasterImagePoints(nn.Module):
    """Interpolate maps of pixel coordinates and of validity (v1 checkpoints).

    Coordinates saturate half a cell inside the border, beyond which offsets get no gradient.

    Args:
        stride: cell size of the maps, aug pixels.
    """

    def __init__(self, stride: int = 8) -> None:
        super().__init__()
        self.stride = stride

    def forward(
        self, locations: Tensor, img_inds: Tensor, geometry: BatchGeometry
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImagePoints`."""
        coordinates, validity = self._maps(geometry)
        pad_height, pad_width = geometry.pad_shape
        extent = locations.new_tensor((pad_width, pad_height))
        grid = (2 * locations / extent - 1)[:, None]
        x2d = locations.new_empty(locations.shape)
        mask = locations.new_empty(locations.shape[:2])
        for image in range(len(geometry.flips)):  # images of the batch, not objects
            chosen = img_inds == image
            x2d[chosen] = _sample(coordinates[image], grid[chosen], "border").movedim(1, -1)
            mask[chosen] = _sample(validity[image], grid[chosen], "zeros")[:, 0]
        return x2d, mask

    def _maps(self, geometry: BatchGeometry) -> tuple[Tensor, Tensor]:
        """Average-pooled coordinates (B, 2, h, w), edge padded, and validity (B, 1, h, w)."""
        like = geometry.img_shapes
        y, x = (
            torch.arange(size, dtype=like.dtype, device=like.device) + 0.5
            for size in geometry.pad_shape
        )
        pixels = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).flatten(0, 1)
        sizes = like.flip(-1)[:, None]
        validity = (pixels < sizes).all(dim=-1).to(like.dtype)
        inside = torch.minimum(pixels[None], sizes - 0.5)
        coordinates = to_original_pixels(inside, geometry.img_transforms)
        return (
            F.avg_pool2d(coordinates.mT.unflatten(-1, geometry.pad_shape), self.stride),
            F.avg_pool2d(validity[:, None].unflatten(-1, geometry.pad_shape), self.stride),
        )


def _sample(map_: Tensor, grid: Tensor, padding: str) -> Tensor:
    """Sample one map (C, h, w) at grids (M, 1, n, 2) of normalised points: (M, C, n)."""
    maps = map_[None].expand(len(grid), -1, -1, -1)
    return F.grid_sample(maps, grid, padding_mode=padding, align_corners=False)[:, :, 0]
