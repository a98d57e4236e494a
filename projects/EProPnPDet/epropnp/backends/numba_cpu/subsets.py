"""Subsets of points drawn without replacement; see `epropnp.subsets`.

Most subsets are complete after a few more draws than points, and the race is run for the others
only.
"""

import numpy as np

from epropnp.backends.numba_cpu.compiled import inlined, kernel
from epropnp.subsets import SHIFT


def guide_size(points: int) -> int:
    """Entries of a guide: a power of two, by which multiplying is exact; four or more a point."""
    return 4 << max(points - 1, 0).bit_length()


@kernel
def distinct_draws(first, last, scratch, chance, cumulative, draws, race, guides, chosen):
    """Write indices (Q, B, k); see `epropnp.subsets.distinct_draws`.

    Scratch 2 n; ``guides`` (B, `guide_size`) are written and read. Objects follow one another for
    every subset, as their numbers do in memory.
    """
    points = chance.shape[1]
    free, arrival = scratch[:points], scratch[points : 2 * points]
    free[:] = scratch.dtype.type(1)
    for obj in range(first, last):
        _write_guide(cumulative[obj], guides[obj])
    for subset in range(chosen.shape[0]):
        for obj in range(first, last):
            mine = chosen[subset, obj]
            found = _draw(cumulative[obj], guides[obj], draws[subset, obj], free, mine)
            if found < len(mine):
                _arrivals(chance[obj], race[obj], subset, free, arrival)
                _first_arrivals(arrival, found, mine)
            for place in range(len(mine)):
                free[mine[place]] = scratch.dtype.type(1)


@inlined
def _write_guide(cumulative, guide):
    """Write how many cumulative weights a level has reached, for levels in equal steps."""
    points, size, at = len(cumulative), len(guide), 0
    for step in range(size):
        level = guide.dtype.type(step) / guide.dtype.type(size)
        while at < points and cumulative[at] <= level * cumulative[points - 1]:
            at += 1
        guide[step] = at


@inlined
def _draw(cumulative, guide, draws, free, chosen):
    """Write the different points of draws, as many as are wanted; how many there were."""
    points, found, size = len(cumulative), 0, guide.dtype.type(len(guide))
    for index in range(len(draws)):
        if found == len(chosen):
            break
        level = draws[index] * cumulative[points - 1]
        point = int(guide[int(draws[index] * size)])
        while point < points and cumulative[point] <= level:
            point += 1
        if point < points and free[point] > 0:
            free[point] = 0
            chosen[found] = point
            found += 1
    return found


@inlined
def _arrivals(chance, race, subset, free, arrival):
    """Write the negative times at which points arrive; NaN for those that are chosen."""
    dtype = arrival.dtype
    shift = dtype.type(SHIFT) * dtype.type(subset)
    for point in range(len(chance)):
        unit = race[point] + shift
        unit = np.log(unit - np.floor(unit)) / chance[point]
        arrival[point] = unit if free[point] > 0 else dtype.type(np.nan)


@inlined
def _first_arrivals(arrival, found, chosen):
    """Fill up the points from ``found`` on; each one taken is NaN afterwards."""
    for place in range(found, len(chosen)):
        best = -1
        for point in range(len(arrival)):
            if arrival[point] == arrival[point] and (best < 0 or arrival[point] > arrival[best]):
                best = point
        if best < 0:  # a weight is not a number
            best = place
        arrival[best] = np.nan
        chosen[place] = best
