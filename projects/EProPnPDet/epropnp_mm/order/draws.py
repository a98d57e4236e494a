"""Indices that carry a seed, and data sets that obey it."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import torch
from mmdet3d.registry import DATASETS
from mmengine.dataset import ConcatDataset


class _Item:
    """The item that is being made: its seed, and the generators that were asked for so far."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.generators: dict[int, np.random.Generator] = {}


_ITEM: ContextVar[_Item | None] = ContextVar("item that is being made", default=None)


class Draw(int):
    """Index of an item together with the seed of its random numbers.

    An ``int`` for everyone who does not know it.
    """

    seed: int

    def __new__(cls, index: int, seed: int) -> "Draw":
        """Make one."""
        draw = super().__new__(cls, index)
        draw.seed = seed
        return draw

    def __getnewargs__(self) -> tuple[int, int]:
        """For pickle: draws travel to the loader's workers."""
        return int(self), self.seed


def draw_seed(seed: int, place: int) -> int:
    """Seed (63 bits) of the item at a place in the order of a run with a seed."""
    return int(np.random.SeedSequence([seed, place]).generate_state(1, np.uint64)[0]) >> 1


def item_generator(salt: int) -> np.random.Generator | None:
    """Generator of the item that is being made; None when its index carried no seed.

    Args:
        salt: generators of other salts are independent.
    """
    item = _ITEM.get()
    if item is None:
        return None
    if salt not in item.generators:
        item.generators[salt] = np.random.default_rng([item.seed, salt])
    return item.generators[salt]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let the random numbers of Python, numpy and torch (CPU) follow a seed for a while."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    token = _ITEM.set(_Item(seed))
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  transforms use the global generator
    torch.random.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        _ITEM.reset(token)
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])


class SeededItems:
    """Part of a data set, before its base: an item asked for by a `Draw` follows its seed."""

    def __getitem__(self, index: int) -> object:
        """Item; without a seed in the index it is that of the base."""
        if not isinstance(index, Draw):
            return super().__getitem__(index)
        with seeded(index.seed):
            return super().__getitem__(int(index))


@DATASETS.register_module()
class SeededConcatDataset(SeededItems, ConcatDataset):
    """mmengine's ``ConcatDataset`` under a `ResumableSampler`."""
