"""Correspondences of an object: its sampled points talk to each other and become 3D points.

EPro-PnP, section 4.2 (correspondence sub-head).
"""

import math

import torch
from mmcv.cnn.bricks.transformer import FFN
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..geometry.mirror import mirror_axis
from ..structures import SampledPoints


class GroupedLinear(nn.Module):
    """One linear layer per head that predicts normalised coordinates and two more values.

    Starts with every head at its own point on a sphere of radius 1/2 (:func:`unit_noc`), so that
    the first correspondences already span an object.

    Args:
        num_groups: groups G, the attention heads.
        in_features: channels per group D.
        out_features: outputs per group; the first three are coordinates.
    """

    def __init__(self, num_groups: int, in_features: int, out_features: int = 5) -> None:
        super().__init__()
        bound = math.sqrt(3 / in_features) * 0.01  # Kaiming uniform of gain 1, a hundredth of it
        self.weight = nn.Parameter(
            torch.empty(num_groups, out_features, in_features).uniform_(-bound, bound)
        )
        self.bias = nn.Parameter(torch.zeros(num_groups, out_features))
        with torch.no_grad():
            self.bias[:, :3] = 0.5 * unit_noc(num_groups)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (..., G, D) to (..., G, out_features)."""
        return torch.einsum("...gd,god->...go", inputs, self.weight) + self.bias


def unit_noc(num_points: int) -> Tensor:
    """Points (n, 3) spread evenly over the unit sphere (Fibonacci lattice)."""
    index = torch.arange(num_points, dtype=torch.float64) + 0.5
    polar = torch.acos(1 - 2 * index / num_points)
    azimuth = math.pi * (1 + math.sqrt(5)) * index
    return torch.stack(
        (azimuth.cos() * polar.sin(), azimuth.sin() * polar.sin(), polar.cos()), dim=-1
    ).float()


class PointTransformer(BaseModule):
    """Post-norm transformer layer over the points of one object.

    Args:
        embed_dims: channels D of a point.
        ffn_channels: hidden channels of the feed-forward network.
        dropout: dropout of the feed-forward network.
    """

    def __init__(self, embed_dims: int, ffn_channels: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(embed_dims, num_heads=1, batch_first=True)
        self.ffn = FFN(embed_dims, ffn_channels, ffn_drop=dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(embed_dims) for _ in range(2))

    def forward(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Update tokens (M, n, D), whose positions are encoded as (M, n, D)."""
        located = tokens + positions
        attended, _ = self.attention(located, located, tokens, need_weights=False)
        tokens = self.norms[0](tokens + attended)
        return self.norms[1](self.ffn(tokens))


@MODELS.register_module()
class CorrespondenceHead(BaseModule):
    """Predict the object coordinates and the weight of every sampled point.

    Args:
        embed_dims: channels C of the object embedding; a point has C / H.
        num_heads: attention heads H.
        ffn_channels: hidden channels of the transformer's feed-forward network.
        dropout: dropout of the feed-forward network.
        detach_positions: no gradient from the position encoding to the points (v1).
        softmax: the weights of an object's points compete by a softmax; if not, each is the
            exponential of its own logit, divided by the number of points.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        num_heads: int = 8,
        ffn_channels: int = 256,
        dropout: float = 0.1,
        detach_positions: bool = False,
        softmax: bool = True,
    ) -> None:
        super().__init__()
        self.softmax = softmax
        point_dims = embed_dims // num_heads
        self.num_heads = num_heads
        self.detach_positions = detach_positions
        self.query_scale = nn.Parameter(torch.tensor(0.1))
        self.position_encoding = nn.Linear(2, point_dims)
        self.transformer = PointTransformer(point_dims, ffn_channels, dropout)
        self.regression = GroupedLinear(num_heads, point_dims)

    def init_weights(self) -> None:
        """Xavier uniform for the attention's input projection (the rest keeps torch's start)."""
        super().init_weights()
        nn.init.xavier_uniform_(self.transformer.attention.in_proj_weight)

    def forward(
        self, points: SampledPoints, query: Tensor, flips: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Predict correspondences.

        Args:
            points: the sampled points, P per head.
            query: (M, H, D).
            flips: (M,) bool, the object was seen mirrored.

        Returns:
            x2d (M, H P, 2) in ori pixels, noc (M, H P, 3) in units of the dimensions, in the
            unmirrored object frame, and relative weights w2d (M, H P, 2). Points are head major.
        """
        x2d = points.x2d.mT.flatten(1, 2)
        tokens = (points.values + self.query_scale * query[..., None]).mT.flatten(1, 2)
        positions = self.position_encoding(self._relative_positions(x2d, flips))
        tokens = self.transformer(tokens, positions)
        by_head = tokens.unflatten(1, (self.num_heads, -1)).transpose(1, 2)
        outputs = self.regression(by_head).transpose(1, 2).flatten(1, 2)
        noc = mirror_axis(outputs[..., :3], flips, axis=2)
        logits = outputs[..., 3:]
        relative = logits.softmax(dim=1) if self.softmax else logits.exp() / logits.shape[1]
        w2d = relative * points.mask.flatten(1)[..., None]
        return x2d, noc, w2d

    def _relative_positions(self, x2d: Tensor, flips: Tensor) -> Tensor:
        """Positions (M, n, 2) relative to the spread of the object's points, as seen."""
        if self.detach_positions:
            x2d = x2d.detach()
        seen = mirror_axis(x2d, flips, axis=0)
        if seen.shape[0] == 0:  # torch warns about the deviation of nothing
            return seen
        std, mean = torch.std_mean(seen, dim=1, keepdim=True)
        return (seen - mean) / std.clamp(min=1.0)
