"""Depth of lidar returns as an auxiliary task of the value map."""

import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule, xavier_init
from torch import Tensor, nn

from epropnp.parts import mean_over_parts

from ...geometry.pixels import to_augmented_pixels
from ...objects.map_sampling import sample_heads
from ...structures import BatchGeometry, FeatureMaps
from ..targets import LidarPoints


@MODELS.register_module()
class LidarDepthHead(BaseModule):
    """Predict a mixture over depth at every lidar return in the images.

    The code is linear in depth and scales with the focal length, as apparent size does.

    Args:
        embed_dims: channels C of the value map.
        num_modes: modes of the mixture.
        base_depth: metres, depth of code 0 and step per unit of the code.
        base_focal: pixels of the original image; focal length at which those hold.
        loss: config of the mixture loss.
    """

    def __init__(
        self,
        embed_dims: int,
        loss: dict,
        num_modes: int = 4,
        base_depth: float = 15.0,
        base_focal: float = 1260.0,
    ) -> None:
        super().__init__()
        self.num_modes = num_modes
        self.base_depth = base_depth
        self.base_focal = base_focal
        self.layers = nn.Sequential(
            nn.Linear(embed_dims, embed_dims),
            nn.ReLU(inplace=True),
            nn.Linear(embed_dims, embed_dims),
            nn.ReLU(inplace=True),
            nn.Linear(embed_dims, 2 * num_modes),  # interleaved (code, weight logit)
        )
        self.criterion = MODELS.build(loss)

    def init_weights(self) -> None:
        """Xavier uniform, biases 0; equal weights of the modes."""
        super().init_weights()
        for layer in self.layers[::2]:
            xavier_init(layer, distribution="uniform")
        nn.init.zeros_(self.layers[-1].weight[1::2])

    def forward(self, features: FeatureMaps, lidar: LidarPoints, geometry: BatchGeometry) -> Tensor:
        """Likelihood of the depths; 0 without returns.

        Args:
            features: value map.
            lidar: returns of the batch.
            geometry: of the batch.
        """
        uv, depth, img_inds = lidar.image_uvz[:, :2], lidar.image_uvz[:, 2:], lidar.image_inds
        points_aug = to_augmented_pixels(uv, geometry.img_transforms[img_inds])
        height, width = features.value.shape[-2:]
        extent = points_aug.new_tensor([width, height]) * features.stride
        sampled = sample_heads(features.value, (points_aug / extent)[:, None, None], img_inds)
        code, logits = self.layers(sampled.flatten(1)).unflatten(-1, (self.num_modes, 2)).unbind(-1)

        intrinsics = geometry.cam_intrinsics[img_inds]
        focal = (intrinsics[:, 0, 0] + intrinsics[:, 1, 1]) / 2
        pred = (code + 1) * self.base_depth * (focal / self.base_focal)[:, None]
        num_points = mean_over_parts(depth.new_full((), len(depth)), at_least=1)
        return self.criterion(
            pred[..., None], depth, torch.log_softmax(logits, 1), avg_factor=num_points
        )
