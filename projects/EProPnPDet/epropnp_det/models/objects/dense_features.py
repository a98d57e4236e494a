"""Key and value maps: FPN levels fused at the finest stride, one position encoding for the key."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule, kaiming_init
from torch import Tensor, nn

from ..structures import BatchGeometry, FeatureMaps
from .position_encoding import project_grid


@MODELS.register_module()
class DenseFeatures(BaseModule):
    """Fuse the finest FPN levels into the maps the objects attend to.

    Args:
        in_channels: channels of the FPN maps.
        conv_channels: channels after each of the 3x3 convolutions shared by the levels.
        embed_dims: channels of the fused, key and value maps.
        num_levels: number of FPN levels fused, finest first.
        stride: aug pixels per cell of the finest level.
        norm_cfg: normalisation after the fusion.
    """

    def __init__(
        self,
        in_channels: int = 256,
        conv_channels: tuple[int, ...] = (256, 128, 128),
        embed_dims: int = 256,
        num_levels: int = 3,
        stride: int = 8,
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        self.embed_dims = embed_dims
        self.num_levels = num_levels
        self.stride = stride
        norm_cfg = norm_cfg or dict(type="GN", num_groups=32, requires_grad=True)
        widths = (in_channels, *conv_channels)
        self.convs = nn.Sequential(
            *(ConvModule(i, o, 3, padding=1, bias=False) for i, o in pairwise(widths))
        )
        self.fusion = ConvModule(num_levels * widths[-1], embed_dims, 1, norm_cfg=norm_cfg)
        self.key_proj = nn.Conv2d(2 * embed_dims, embed_dims, 1)
        self.value_proj = nn.Conv2d(embed_dims, embed_dims, 1)

    def init_weights(self) -> None:
        """Kaiming with linear gain for the projections (the blocks initialise themselves)."""
        super().init_weights()
        for projection in (self.key_proj, self.value_proj):
            kaiming_init(projection, mode="fan_out", nonlinearity="linear")

    def forward(self, feats: tuple[Tensor, ...], geometry: BatchGeometry) -> FeatureMaps:
        """Compute the maps.

        Args:
            feats: FPN maps (B, C, h, w), finest first; the first ``num_levels`` are read.
            geometry: the batch.
        """
        maps = [self.convs(feat) for feat in feats[: self.num_levels]]
        size = maps[0].shape[-2:]
        upsampled = [
            F.interpolate(map_, size=size, mode="bilinear", align_corners=False)
            for map_ in maps[1:]
        ]
        fused = self.fusion(torch.cat([maps[0], *upsampled], dim=1))
        return FeatureMaps(
            key=self._key(fused, geometry), value=self.value_proj(fused), stride=self.stride
        )

    def _key(self, fused: Tensor, geometry: BatchGeometry) -> Tensor:
        """Project features and positions as if they were concatenated, without doing so."""
        of_features, of_positions = self.key_proj.weight.chunk(2, dim=1)
        positions = project_grid(geometry, fused.shape[-2:], of_positions.flatten(1))
        return F.conv2d(fused, of_features, self.key_proj.bias) + positions
