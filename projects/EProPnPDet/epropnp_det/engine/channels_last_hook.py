"""Keep convolution weights in the memory order that the CPU's convolutions prefer."""

import torch
from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Lay the model's weights out with channels last: the same numbers, faster convolutions."""

    def before_train(self, runner: Runner) -> None:
        """Reorder the weights once, before the first step."""
        runner.model.to(memory_format=torch.channels_last)
