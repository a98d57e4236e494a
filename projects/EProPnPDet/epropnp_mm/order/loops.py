"""Training loops that go on where they were, in the middle of an epoch too.

How far the order was consumed is noted in the message hub, which mmengine's checkpoints hold: the
number of items drawn by all processes together, so that a run may go on with another number of
processes or batch size.
"""

from collections.abc import Iterator

import torch
from mmengine.dist import get_world_size
from mmengine.registry import LOOPS
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from torch import nn
from torch.utils.data import DataLoader

from .sampler import ResumableSampler

PLACE = "items_drawn"  # in the message hub; of the epoch, or of the whole run


def items_per_step(loader: DataLoader) -> int:
    """Items that all processes together train on in one step."""
    return loader.batch_sampler.batch_size * get_world_size()


def place_of(runner: Runner) -> int:
    """Items drawn so far, as noted in this run or in the checkpoint it goes on from."""
    hub = runner.message_hub
    return hub.get_info(PLACE) if PLACE in hub.runtime_info else 0


def keep_main_random_numbers(loader: DataLoader, seed: int) -> None:
    """Let a loader seed its workers without taking from the random numbers of training."""
    loader.generator = torch.Generator().manual_seed(seed)


def resumable_sampler(loader: DataLoader, infinite: bool) -> ResumableSampler:
    """Sampler of a loader.

    Raises:
        TypeError: it is another one, which cannot begin in the middle, or of the other loop.
    """
    sampler = loader.sampler
    if not isinstance(sampler, ResumableSampler) or sampler.infinite != infinite:
        raise TypeError(
            "this loop needs train_dataloader.sampler=dict(type='ResumableSampler', "
            f"infinite={infinite}), got {type(sampler).__name__}"
        )
    return sampler


@LOOPS.register_module()
class ResumableEpochLoop(EpochBasedTrainLoop):
    """mmengine's loop over epochs; a checkpoint of the middle of an epoch goes on there.

    Arguments are those of the base; the sampler has to be a `ResumableSampler`.
    """

    def run(self) -> nn.Module:
        """Check the sampler, then as the base."""
        self.sampler = resumable_sampler(self.dataloader, infinite=False)
        keep_main_random_numbers(self.dataloader, self.runner.seed)
        return super().run()

    def run_epoch(self) -> None:
        """Iterate what is left of an epoch."""
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        self.sampler.start = place_of(self.runner)
        step = items_per_step(self.dataloader)
        for index, batch in enumerate(self.dataloader, start=self.sampler.start // step):
            self.runner.message_hub.update_info(PLACE, (index + 1) * step)
            self.run_iter(index, batch)
        self.runner.message_hub.update_info(PLACE, 0)
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1


class _Placed:
    """Batches of a loader; those that mmengine asks for to pass them over are not loaded."""

    def __init__(self, batches: Iterator, passed: int) -> None:
        self._batches = batches
        self._passed = passed

    def __next__(self) -> object:
        if self._passed:
            self._passed -= 1
            return None
        return next(self._batches)


@LOOPS.register_module()
class ResumableIterLoop(IterBasedTrainLoop):
    """mmengine's loop over iterations; it goes on without loading what was trained on before.

    Arguments are those of the base; the sampler has to be a `ResumableSampler` with ``infinite``.
    """

    def run(self) -> nn.Module:
        """Go on from the place in the order, then as the base."""
        self.sampler = resumable_sampler(self.dataloader, infinite=True)
        keep_main_random_numbers(self.dataloader, self.runner.seed)
        self.sampler.start = place_of(self.runner)
        self.dataloader_iterator = _Placed(iter(self.dataloader), self._iter)
        return super().run()

    def run_iter(self, data_batch: object) -> None:
        """Note the place, then train."""
        place = place_of(self.runner) + items_per_step(self.dataloader)
        self.runner.message_hub.update_info(PLACE, place)
        super().run_iter(data_batch)
