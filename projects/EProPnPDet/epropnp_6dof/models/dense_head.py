"""Head that turns a backbone feature into dense object coordinates and weights."""

import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from .structures import DenseMaps

INITIAL_LOG_SCALE = 3.0  # weights start confident enough for the Monte Carlo loss (v2)
OUTPUT_STD = 1e-3  # small first coordinates keep points in front of the camera


@MODELS.register_module()
class DenseCorrespondenceHead(BaseModule):
    """Three upsampling stages, a 1x1 output layer and a scale branch (paper section 5.1, CDPN).

    Args:
        in_channels: channels of the backbone feature.
        channels: width of the stages.
        num_stages: stages, each doubles the resolution.
        normal_init: initialise every layer with N(0, 0.001) as version 1 did, instead of Kaiming
            uniform with zero weight logits and scale exp(3).
        num_objects: sets of output channels side by side, see `ObjectAwareHead`.
    """

    def __init__(
        self,
        in_channels: int = 512,
        channels: int = 256,
        num_stages: int = 3,
        normal_init: bool = False,
        num_objects: int = 1,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for stage in range(num_stages):
            width = in_channels if stage == 0 else channels
            layers += _upsampling_stage(width, channels)
        self.features = nn.ModuleList(layers)
        self.num_objects = num_objects
        self.out_layer = nn.Conv2d(channels, num_objects * 5, 1)
        self.scale_branch = nn.Linear(channels, num_objects * 2)
        self.normal_init = normal_init

    def forward(self, feature: Tensor, obj_ids: list[int] | None = None) -> DenseMaps:
        """Map a feature (B, C, H, W) to maps of 2^num_stages times its size.

        The objects do not matter here: the network tells them apart by their looks.
        """
        for layer in self.features:
            feature = layer(feature)
        output = self.out_layer(feature)
        scale = self.scale_branch(feature.mean(dim=(2, 3))).exp()
        noc, weights = output.unflatten(1, (self.num_objects, 5)).split((3, 2), dim=2)
        return DenseMaps(noc.flatten(1, 2), weights.flatten(1, 2), scale)

    def init_weights(self) -> None:
        """Initialise convolutions, output layer and scale branch; norms keep 1 and 0."""
        for layer in self.features:
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                if self.normal_init:
                    nn.init.normal_(layer.weight, std=OUTPUT_STD)
                else:
                    nn.init.kaiming_uniform_(layer.weight)
        nn.init.normal_(self.out_layer.weight, std=OUTPUT_STD)
        if self.normal_init:
            nn.init.normal_(self.scale_branch.weight, std=OUTPUT_STD)
            return
        with torch.no_grad():
            self.out_layer.weight.unflatten(0, (self.num_objects, 5))[:, 3:].zero_()
        nn.init.zeros_(self.scale_branch.weight)
        nn.init.constant_(self.scale_branch.bias, INITIAL_LOG_SCALE)


def _upsampling_stage(in_channels: int, channels: int) -> list[nn.Module]:
    layers = [
        nn.ConvTranspose2d(in_channels, channels, 3, 2, padding=1, output_padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    ]
    for _ in range(2):
        layers += [
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
    return layers
