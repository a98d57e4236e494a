"""Optimizer step that is left out when the loss or a gradient is not finite."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmdet3d.registry import OPTIM_WRAPPERS
from mmengine.dist import all_reduce
from mmengine.logging import print_log
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor, nn

NAMES_SHOWN = 5


def total_norm(grads: list[Tensor]) -> Tensor:
    """L2 norm of all gradients together: not finite if one entry is not."""
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads)))


class StepCheck:
    """Finds the gradients that make a step impossible; part of an optimizer wrapper.

    Attributes:
        num_skipped: steps skipped so far.
        num_attempts: steps made or skipped so far.
        skipped_last: whether the last step was skipped.
    """

    num_skipped = 0
    num_attempts = 0
    skipped_last = False
    _names: dict[int, str] | None = None
    _bad_loss = False  # since the last step

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Remember the names of the model's parameters, then do as the base class."""
        if self._names is None:
            self._names = {id(param): name for name, param in model.named_parameters()}
        with super().optim_context(model):
            yield

    def backward(self, loss: Tensor, **kwargs) -> None:
        """As the base, but not from a loss that is not finite in any of the processes.

        Nothing can be learnt from it, and compiled kernels may read anywhere, given NaN.
        """
        finite = loss.detach().isfinite().float()
        all_reduce(finite, op="min")
        if finite:
            super().backward(loss, **kwargs)
        else:
            self._bad_loss = True
            self._inner_count += 1  # of mmengine: backward passes so far

    def _check_step(self) -> bool:
        """Whether the step can be made; one that cannot is counted and logged."""
        self.num_attempts += 1
        if self._bad_loss:
            self._bad_loss, self.skipped_last = False, True
            self.num_skipped += 1
            self._log("the loss is not finite")
            return False
        params = [
            param
            for group in self.optimizer.param_groups
            for param in group["params"]
            if param.grad is not None
        ]
        self.skipped_last = bool(params) and not bool(
            total_norm([param.grad for param in params]).isfinite()
        )
        if self.skipped_last:
            self.num_skipped += 1
            self._report([param for param in params if not param.grad.isfinite().all()])
        return not self.skipped_last

    def _report(self, params: list[nn.Parameter]) -> None:
        known = self._names or {}
        names = [known.get(id(p), f"parameter of shape {tuple(p.shape)}") for p in params]
        shown = ", ".join(names[:NAMES_SHOWN]) + (" ..." if len(names) > NAMES_SHOWN else "")
        cause = f"{len(names)} parameters have non-finite gradients: {shown}"
        if not names:
            cause = "the norm of the gradient overflows"
        self._log(cause)

    def _log(self, cause: str) -> None:
        print_log(f"Step skipped ({self.num_skipped} so far): {cause}", "current", logging.WARNING)


@OPTIM_WRAPPERS.register_module()
class FiniteGradOptimWrapper(StepCheck, OptimWrapper):
    """`OptimWrapper` that skips a step whose loss or gradient holds NaN or infinity.

    Parameters, momentum and weight decay are left alone and the parameters at fault are named in
    the log. Clipping comes after the check, since it would spread one NaN over all gradients.
    With several processes the gradients are averaged before, so all of them skip together.
    """

    def __init__(self, optimizer, accumulative_counts: int = 1, clip_grad: dict | None = None):
        super().__init__(optimizer, accumulative_counts, clip_grad)

    def step(self, **kwargs) -> None:
        """Clip and step, or skip both; ``kwargs`` go to the optimizer's step as in the base."""
        if self._check_step():
            super().step(**kwargs)


@OPTIM_WRAPPERS.register_module()
class FiniteGradAmpOptimWrapper(StepCheck, AmpOptimWrapper):
    """The same in mixed precision (``tools/train.py --amp``).

    The loss scaler would skip such a step, too, but tell nobody. It lowers its scale then, so a few
    skipped steps at the start are normal.
    """

    def step(self, **kwargs) -> None:
        """Unscale, then clip and step, or skip both; ``kwargs`` go to the optimizer's step."""
        if self._bad_loss:
            self._check_step()
            return
        self.loss_scaler.unscale_(self.optimizer)
        if self._check_step():
            if self.clip_grad_kwargs:
                self._clip_grad()
            self.loss_scaler.step(self.optimizer, **kwargs)
        self.loss_scaler.update(self._scale_update_param)
