"""Random numbers that differ between loader workers, ranks and epochs."""

import zlib

import numpy as np
import torch
from mmengine.dist import get_rank
from torch.utils.data import get_worker_info

from epropnp_mm.order import item_generator


class WorkerRandom:
    """A numpy generator per worker process and epoch.

    A generator made before the loader forks, or numpy's global one seeded alike in every worker,
    gives all workers the same augmentations. Here the seed is the loader's own, which differs
    between workers and epochs and follows torch's seed, together with the rank of the process.
    Under a `ResumableSampler` it is the seed of the item, whoever makes it.

    Args:
        name: of the user; users draw independent numbers.
    """

    def __init__(self, name: str) -> None:
        self._salt = zlib.crc32(name.encode())
        self._seed: int | None = None
        self._generator: np.random.Generator | None = None

    def generator(self) -> np.random.Generator:
        """Generator of the current process, or of the item that is being made."""
        generator = item_generator(self._salt)
        if generator is not None:
            return generator
        worker = get_worker_info()
        seed = torch.initial_seed() if worker is None else worker.seed
        if self._generator is None or seed != self._seed:
            self._seed = seed
            rank = [get_rank()] if get_rank() else []  # ranks share torch's seed
            self._generator = np.random.default_rng([seed % 2**63, self._salt, *rank])
        return self._generator
