"""The order of training: which item comes when, and with which random numbers.

A `ResumableSampler` can begin anywhere, and gives every draw a seed of its own. What an item looks
like then depends on the run's seed and its place in the order alone: not on the number of
processes or loader workers, nor on where a run was interrupted. `SeededItems` lets a data set obey
these seeds; the loops remember the place.
"""

from .batches import DealtBatchSampler
from .draws import Draw, SeededConcatDataset, SeededItems, draw_seed, item_generator
from .loops import ResumableEpochLoop, ResumableIterLoop
from .sampler import ResumableSampler
from .test_loop import ResumableTestLoop

__all__ = [
    "DealtBatchSampler",
    "Draw",
    "ResumableEpochLoop",
    "ResumableIterLoop",
    "ResumableSampler",
    "ResumableTestLoop",
    "SeededConcatDataset",
    "SeededItems",
    "draw_seed",
    "item_generator",
]
