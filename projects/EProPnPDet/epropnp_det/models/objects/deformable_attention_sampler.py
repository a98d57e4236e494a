"""Deformable sampling of correspondences and the attention over them.

EPro-PnP, section 4.2: the network decides where in the image each object looks for its
2D points; the features found there become both the object's and its points' features.
"""

import math

import torch
from mmcv.cnn.bricks.transformer import FFN
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule, xavier_init
from torch import Tensor, nn

from ..structures import BatchGeometry, FeatureMaps, Proposals, SampledPoints
from .map_sampling import sample_heads


@MODELS.register_module()
class DeformableAttentionSampler(BaseModule):
    """Sample ``num_heads * num_points`` points per object and attend to them.

    Args:
        embed_dims: channels C of embeddings and maps.
        num_heads: attention heads H; each owns C / H channels and its own points.
        num_points: points per head P.
        ffn_channels: hidden channels of the feed-forward network.
        dropout: dropout of the feed-forward network.
        image_points: config of the part that turns locations into original pixels and border
            weights, see :mod:`epropnp_det.models.objects.image_points`; the analytic one if None.
        stride: of that one, aug pixels.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        num_heads: int = 8,
        num_points: int = 16,
        ffn_channels: int = 1024,
        dropout: float = 0.1,
        image_points: dict | None = None,
        stride: int = 8,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.num_points = num_points
        self.sampling_offsets = nn.Linear(embed_dims, num_heads * num_points * 2)
        self.out_proj = nn.Linear(embed_dims, embed_dims)
        self.layer_norms = nn.ModuleList(nn.LayerNorm(embed_dims) for _ in range(2))
        self.ffn = FFN(embed_dims, ffn_channels, ffn_drop=dropout)
        self.image_points = MODELS.build(
            image_points or dict(type="AnalyticImagePoints", stride=stride)
        )

    def init_weights(self) -> None:
        """Spread the points over a few strides."""
        super().init_weights()
        xavier_init(self.sampling_offsets, gain=2.5, distribution="uniform")

    def forward(
        self,
        embeddings: Tensor,
        query: Tensor,
        proposals: Proposals,
        features: FeatureMaps,
        geometry: BatchGeometry,
    ) -> SampledPoints:
        """Sample and attend.

        Args:
            embeddings: (M, C) object embeddings.
            query: (M, H, C / H).
            proposals: centres, strides and images of the objects are read.
            features: key and value maps.
            geometry: the batch.
        """
        offsets = self.sampling_offsets(embeddings).to(proposals.centers.dtype)
        offsets = offsets.reshape(-1, self.num_heads * self.num_points, 2)
        locations = proposals.centers[:, None] + offsets * proposals.strides[:, None, None]
        x2d, mask = self.image_points(locations, proposals.img_inds, geometry)
        keys, values = self._sample(features, locations, proposals)
        mask = mask.unflatten(1, (self.num_heads, self.num_points))
        logits = torch.einsum("mhd,mhdp->mhp", query, keys) / math.sqrt(query.shape[-1])
        attention = logits.softmax(dim=-1) * mask
        attended = torch.einsum("mhp,mhdp->mhd", attention, values).flatten(1)
        hidden = self.layer_norms[0](self.out_proj(attended) + embeddings)
        return SampledPoints(
            embeddings=self.layer_norms[1](self.ffn(hidden)),
            values=values,
            mask=mask,
            x2d=x2d.unflatten(1, (self.num_heads, self.num_points)).mT,
            attention=attention.detach(),
        )

    def _sample(
        self, features: FeatureMaps, locations: Tensor, proposals: Proposals
    ) -> tuple[Tensor, Tensor]:
        """Keys and values (M, H, C / H, P) at locations (M, H * P, 2), aug pixels."""
        height, width = features.key.shape[-2:]
        x, y = locations.unbind(-1)
        shares = (x / (width * features.stride), y / (height * features.stride))
        points = torch.stack(shares, -1).unflatten(1, (self.num_heads, self.num_points))
        keys, values = (
            sample_heads(maps, points, proposals.img_inds, proposals.max_per_img)
            for maps in (features.key, features.value)
        )
        return keys, values
