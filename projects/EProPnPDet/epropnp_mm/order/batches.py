"""Whole batches dealt to processes, so that each is the same for any number of them."""

from collections.abc import Iterator, Set

from mmdet3d.registry import DATA_SAMPLERS
from mmengine.dist import get_dist_info
from torch.utils.data import Sampler


@DATA_SAMPLERS.register_module()
class DealtBatchSampler(Sampler):
    """Batches in the order of the data set; a process gets every so many of them.

    No item is repeated to fill up: some processes may get a batch less, or none.

    Args:
        sampler: of the loader; its data set is what is sampled.
        batch_size: items of a batch; the last one may be smaller.
        drop_last: has to be left out.

    Attributes:
        done: numbers of batches to leave out.

    Raises:
        ValueError: for ``drop_last``.
    """

    def __init__(self, sampler: Sampler, batch_size: int, drop_last: bool = False) -> None:
        if drop_last:
            raise ValueError("drop_last would leave items untested")
        self.rank, self.world_size = get_dist_info()
        self.size = len(sampler.dataset)
        self.batch_size = batch_size
        self.done: Set[int] = frozenset()

    @property
    def total(self) -> int:
        """Batches of all processes."""
        return -(-self.size // self.batch_size)

    def numbers(self) -> list[int]:
        """Numbers of the batches that this process is to make."""
        return [n for n in range(self.rank, self.total, self.world_size) if n not in self.done]

    def __len__(self) -> int:
        """Batches that this process is to make."""
        return len(self.numbers())

    def __iter__(self) -> Iterator[list[int]]:
        """Indices of each batch."""
        for number in self.numbers():
            first = number * self.batch_size
            yield list(range(first, min(first + self.batch_size, self.size)))
