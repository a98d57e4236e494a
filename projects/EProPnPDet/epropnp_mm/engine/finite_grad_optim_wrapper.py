"""Optimizer step that is left out when a gradient is not finite."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmdet3d.registry import OPTIM_WRAPPERS
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

NAMES_SHOWN = 5


def total_norm(grads: list[Tensor]) -> Tensor:
    """L2 norm of all gradients together: not finite if one entry is not."""
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads)))


@OPTIM_WRAPPERS.register_module()
class FiniteGradOptimWrapper(OptimWrapper):
    """`OptimWrapper` that skips a step whose gradient holds NaN or infinity.

    Parameters, momentum and weight decay are left alone and the parameters at fault are named in
    the log. Clipping comes after the check, since it would spread one NaN over all gradients.
    With several processes the gradients are averaged before, so all of them skip together.

    Attributes:
        num_skipped: steps skipped so far.
        skipped_last: whether the last step was skipped.
    """

    def __init__(self, optimizer, accumulative_counts: int = 1, clip_grad: dict | None = None):
        super().__init__(optimizer, accumulative_counts, clip_grad)
        self.num_skipped = 0
        self.skipped_last = False
        self._names: dict[int, str] = {}

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Remember the names of the model's parameters, then do as the base class."""
        if not self._names:
            self._names = {id(param): name for name, param in model.named_parameters()}
        with super().optim_context(model):
            yield

    def step(self, **kwargs) -> None:
        """Clip and step, or skip both; ``kwargs`` go to the optimizer's step as in the base."""
        params = [
            param
            for group in self.optimizer.param_groups
            for param in group["params"]
            if param.grad is not None
        ]
        self.skipped_last = bool(params) and not bool(
            total_norm([param.grad for param in params]).isfinite()
        )
        if not self.skipped_last:
            return super().step(**kwargs)
        self.num_skipped += 1
        names = [
            self._names.get(id(param), f"parameter of shape {tuple(param.shape)}")
            for param in params
            if not param.grad.isfinite().all()
        ]
        shown = ", ".join(names[:NAMES_SHOWN]) + (" ..." if len(names) > NAMES_SHOWN else "")
        cause = f"{len(names)} parameters have non-finite gradients: {shown}"
        if not names:
            cause = "the norm of the gradient overflows"
        print_log(f"Step skipped ({self.num_skipped} so far): {cause}", "current", logging.WARNING)
