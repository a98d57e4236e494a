"""Keep convolution weights in the memory order that the CPU's convolutions prefer."""

import torch
from mmcv.ops import DeformConv2d, ModulatedDeformConv2d
from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Lay the model's weights out with channels last: the same numbers, faster convolutions."""

    def before_train(self, runner: Runner) -> None:
        """Reorder the weights once, before the first step."""
        use_channels_last(runner.model)


def use_channels_last(model: nn.Module) -> None:
    """Reorder the weights of a model in place; feature maps follow the weights.

    Raises:
        ValueError: when the model has deformable convolutions, which mmcv computes as if every
            map had the default order, without an error and with wrong results.
    """
    for name, module in model.named_modules():
        if isinstance(module, DeformConv2d | ModulatedDeformConv2d):
            raise ValueError(
                f"{name} is a deformable convolution, which needs the default memory order: "
                "remove ChannelsLastHook from custom_hooks"
            )
    model.to(memory_format=torch.channels_last)
