"""Greedy suppression of whatever overlaps."""

import numpy as np


def survivors(num: int, better: np.ndarray, worse: np.ndarray) -> np.ndarray:
    """Go through items, best first; each that is alive takes those it overlaps out.

    Args:
        num: items N, in the order of their scores.
        better: (Q,) first item of each pair that overlaps, ascending.
        worse: (Q,) second item, after the first.

    Returns:
        Mask (N,) of the items left.
    """
    alive = np.ones(num, dtype=bool)
    ranks = np.unique(better)
    starts, ends = (np.searchsorted(better, ranks, side) for side in ("left", "right"))
    for rank, start, end in zip(ranks, starts, ends, strict=True):
        if alive[rank]:
            alive[worse[start:end]] = False
    return alive
