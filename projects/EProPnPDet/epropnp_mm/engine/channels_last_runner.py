"""Keep convolution weights in the memory order that the CPU's convolutions prefer."""

import torch
from mmcv.ops import DeformConv2d, ModulatedDeformConv2d
from mmengine.registry import RUNNERS  # runners are built before any scope is entered
from mmengine.runner import Runner
from torch import nn


@RUNNERS.register_module()
class ChannelsLastRunner(Runner):
    """Runner of a model whose weights have channels last: the same numbers, faster on a CPU.

    A hook would come too late: `DistributedDataParallel` remembers the order that it finds, and
    averages scrambled gradients when the order changes afterwards.
    """

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Reorder the weights, then wrap the model for several processes as the base does."""
        use_channels_last(model)
        return super().wrap_model(model_wrapper_cfg, model)


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
                "remove runner_type='ChannelsLastRunner' from the config"
            )
    model.to(memory_format=torch.channels_last)
