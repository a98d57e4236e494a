"""The largest entries of many short rows, in no order.

A floating-point number and its bits, read as an integer, sort alike once the bits of negative ones
are inverted. The level above which exactly k entries lie is then found by halving an interval of
integers; counting runs in vector registers, unlike the partial sort of ``topk``.
"""

import numpy as np

from epropnp.backends.numba_cpu.compiled import inlined, kernel


@kernel
def largest(first, last, scratch, bits, chosen):
    """Write the indices of the k largest numbers of rows (N, n), given as bits; chosen (N, k).

    Ties at the boundary go to the first. Scratch n integers of the type of the bits.
    """
    wanted = chosen.shape[1]
    if wanted == 0:
        return
    highest = np.iinfo(bits.dtype).max
    length = bits.shape[1]
    row = scratch[:length]
    for item in range(first, last):
        low, high = highest, -highest
        for index in range(length):
            value = bits[item, index]
            value = row.dtype.type(value ^ highest if value < 0 else value)
            row[index] = value
            low, high = min(low, value), max(high, value)
        level = _level(row, wanted, low - 1, high)
        found = 0
        for index in range(length):
            if row[index] > level and found < wanted:
                chosen[item, found] = index
                found += 1
        for index in range(length):
            if found == wanted:
                break
            if row[index] == level:
                chosen[item, found] = index
                found += 1


@inlined
def _level(row, wanted, low, high):
    """A level with exactly ``wanted`` numbers above it, or the largest one with at most so many.

    More numbers than wanted lie above ``low``, or exactly as many; none above ``high``.
    """
    while high > low + 1:
        middle = (low >> 1) + (high >> 1) + (low & high & 1)  # their sum could overflow
        level, above = row.dtype.type(middle), 0
        for index in range(len(row)):
            above += row[index] > level
        if above == wanted:
            return middle
        if above > wanted:
            low = middle
        else:
            high = middle
    return high
