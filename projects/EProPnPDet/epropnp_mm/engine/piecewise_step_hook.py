"""Train on a batch piece by piece, for small cards, with the result of the whole batch."""

from contextlib import nullcontext
from functools import partial

import torch
from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor, nn

from epropnp.parts import PartSums

from .random_state import random_state, set_random_state


@HOOKS.register_module()
class PiecewiseStepHook(Hook):
    """Let a step need the memory of a few samples only; see `piecewise_train_step`.

    Args:
        max_samples: of a piece, per process.
    """

    def __init__(self, max_samples: int) -> None:
        if max_samples < 1:
            raise ValueError(f"max_samples must be at least 1, got {max_samples}")
        self.max_samples = max_samples

    def before_train(self, runner: Runner) -> None:
        """Replace the training step of the model."""
        runner.model.train_step = partial(piecewise_train_step, runner.model, self.max_samples)


def piecewise_train_step(
    model: nn.Module, max_samples: int, data: dict, optim_wrapper: OptimWrapper
) -> dict[str, Tensor]:
    """One step on a batch, forward twice and backward once per piece.

    The first forward, without gradients, finds what losses divide by and what running means follow:
    sums over the whole batch. The second one uses them, with the same random numbers, so the
    gradients of the pieces add up to those of the batch. Random draws that a network makes from the
    batch as a whole are made from each piece, as they are in several processes. Batch normalisation
    in training mode uses the statistics of a piece; its running means become those of the batch.

    Args:
        model: possibly wrapped for several processes.
        max_samples: of a piece.
        data: batch, not yet preprocessed.
        optim_wrapper: with ``accumulative_counts=1``.

    Returns:
        Logged values, averaged over the pieces.
    """
    inner = getattr(model, "module", model)
    pieces = split_batch(data, max_samples)
    sums, states = PartSums(len(pieces)), []
    buffers = {name: buffer.clone() for name, buffer in inner.named_buffers()}
    with torch.no_grad(), optim_wrapper.optim_context(inner):
        for piece in pieces:
            states.append(random_state())
            with sums.noting():
                inner._run_forward(inner.data_preprocessor(piece, True), mode="loss")
    sums.add_processes()

    logged, ends = [], []
    for number, (piece, state) in enumerate(zip(pieces, states, strict=True)):
        set_random_state(state)
        _restore(inner, buffers)
        last = number == len(pieces) - 1
        syncing = nullcontext() if last or not hasattr(model, "no_sync") else model.no_sync()
        with syncing:
            with optim_wrapper.optim_context(model), sums.using():
                losses = model._run_forward(inner.data_preprocessor(piece, True), mode="loss")
            loss, values = inner.parse_losses(losses)
            update = optim_wrapper.update_params if last else optim_wrapper.backward
            update(loss / len(pieces))
        ends.append({name: buffer.clone() for name, buffer in inner.named_buffers()})
        logged.append(values)
    _restore(inner, _average(ends))
    return {name: torch.stack([values[name] for values in logged]).mean(0) for name in logged[0]}


def split_batch(data: dict, max_samples: int) -> list[dict]:
    """Pieces of equal size of a batch: lists are cut, also in dictionaries."""
    total = len(data["data_samples"])
    counts = range(1, total + 1)
    count = next(n for n in counts if total % n == 0 and total // n <= max_samples)
    size = total // count
    return [_cut(data, slice(k * size, (k + 1) * size)) for k in range(count)]


def _cut(value: object, part: slice) -> object:
    if isinstance(value, dict):
        return {key: _cut(each, part) for key, each in value.items()}
    return value[part]


def _average(states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Mean of the running means; counters are those of the last."""
    return {
        name: torch.stack([state[name] for state in states]).mean(0)
        if value.is_floating_point()
        else value
        for name, value in states[-1].items()
    }


@torch.no_grad()
def _restore(model: nn.Module, buffers: dict[str, Tensor]) -> None:
    for name, buffer in model.named_buffers():
        buffer.copy_(buffers[name])
