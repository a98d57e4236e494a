"""Sums over a batch that is computed in parts: by several processes, or one piece after the other.

A loss divides by the objects of the whole batch, and running means follow the whole batch. Both go
through `mean_over_parts`, so that the parts add up to what one process computes from all of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class PartSums:
    """Sums of a batch that one process computes in pieces, each twice.

    The first time, inside `noting`, every piece notes its share of each sum; the second time,
    inside `using`, it gets the sum of all pieces and processes.

    Attributes:
        num_pieces: pieces of the batch.
        sums: of all pieces so far, in the order in which they are asked for.
    """

    num_pieces: int
    sums: list[Tensor] = field(default_factory=list)
    _next: int = 0
    _first_time: bool = True

    @contextmanager
    def noting(self) -> Iterator[None]:
        """While a piece is computed for the first time."""
        with self._active(first_time=True):
            yield

    @contextmanager
    def using(self) -> Iterator[None]:
        """While a piece is computed for the second time."""
        with self._active(first_time=False):
            yield

    def add_processes(self) -> None:
        """Add the sums of all processes, between the first and the second time."""
        self.sums = [_sum_over_processes(total) for total in self.sums]

    def total(self, share: Tensor) -> Tensor:
        """Sum of all pieces; of the first ones only while they are still being noted."""
        if self._first_time:
            if self._next == len(self.sums):
                self.sums.append(torch.zeros_like(share))
            self.sums[self._next] = self.sums[self._next] + share.detach()
        self._next += 1
        return self.sums[self._next - 1]

    @contextmanager
    def _active(self, first_time: bool) -> Iterator[None]:
        self._next, self._first_time = 0, first_time
        token = _PIECES.set(self)
        try:
            yield
        finally:
            _PIECES.reset(token)


_PIECES: ContextVar[PartSums | None] = ContextVar("pieces of the batch", default=None)


def mean_over_parts(share: Tensor, at_least: float | None = None) -> Tensor:
    """Sum over all parts of the batch, divided by their number.

    Gradients are averaged over the parts, so a loss divided by this is a mean over the batch.

    Args:
        share: of this part; without gradient.
        at_least: lower limit of the sum.

    Returns:
        As ``share``, the same in all parts.
    """
    pieces = _PIECES.get()
    parts = torch.distributed.get_world_size() if _is_distributed() else 1
    if pieces is None:
        total = _sum_over_processes(share)
    else:
        total = pieces.total(share)
        parts = parts * pieces.num_pieces
    if at_least is not None:
        total = total.clamp(min=at_least)
    return total / parts


def _is_distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _sum_over_processes(share: Tensor) -> Tensor:
    total = share.detach().clone()
    if _is_distributed():
        torch.distributed.all_reduce(total)
    return total
