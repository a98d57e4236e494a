"""A sampler that can begin anywhere in the order."""

import math
from collections.abc import Iterator, Sized

import torch
from mmdet3d.registry import DATA_SAMPLERS
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from .draws import Draw, draw_seed


@DATA_SAMPLERS.register_module()
class ResumableSampler(Sampler):
    """Indices of one process, each a `Draw` with a seed of its own.

    The order is one for all processes: pass after pass over the data set, each shuffled by the seed
    and its number, and dealt to the processes in turn. Two processes with batches of 8 therefore
    see in each step what one process with batches of 16 sees.

    An epoch is one pass, filled up from its beginning so that all processes get equally many. With
    ``infinite`` the passes follow each other without an end, for loops that count iterations.

    Args:
        dataset: its length is all that matters.
        shuffle: another order in every pass; else that of the data set.
        infinite: see above.
        seed: of the order and of the draws, the same in all processes; a common one if None.

    Attributes:
        start: place, over all processes, where the next iteration begins; once only.

    Raises:
        ValueError: the data set is empty.
    """

    def __init__(
        self, dataset: Sized, shuffle: bool = True, infinite: bool = False, seed: int | None = None
    ) -> None:
        if len(dataset) == 0:
            raise ValueError("the data set to draw from is empty")
        self.rank, self.world_size = get_dist_info()
        self.size = len(dataset)
        self.shuffle = shuffle
        self.infinite = infinite
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        self.start = 0

    def __len__(self) -> int:
        """Draws of this process in an epoch."""
        return math.ceil(self.size / self.world_size)

    def __iter__(self) -> Iterator[Draw]:
        """Draws of this process from `start` on."""
        start, self.start = self.start, 0
        if self.infinite:
            return self._endless(start)
        return iter(self._epoch_draws(start))

    def set_epoch(self, epoch: int) -> None:
        """Choose the pass of the next epoch."""
        self.epoch = epoch

    def _epoch_draws(self, start: int) -> list[Draw]:
        """Of this process; each draw is seeded by its place among all epochs."""
        total = len(self) * self.world_size
        order = self._order(self.epoch)
        places = range(start + self.rank, total, self.world_size)
        return [self._draw(order[p % self.size], self.epoch * total + p) for p in places]

    def _endless(self, start: int) -> Iterator[Draw]:
        current, order = -1, []
        place = start + self.rank
        while True:
            if place // self.size != current:
                current = place // self.size
                order = self._order(current)
            yield self._draw(order[place % self.size], place)
            place += self.world_size

    def _order(self, number: int) -> list[int]:
        """Indices of a pass."""
        if not self.shuffle:
            return list(range(self.size))
        generator = torch.Generator().manual_seed(draw_seed(self.seed, number))
        return torch.randperm(self.size, generator=generator).tolist()

    def _draw(self, index: int, place: int) -> Draw:
        return Draw(index, draw_seed(self.seed + 1, place))
