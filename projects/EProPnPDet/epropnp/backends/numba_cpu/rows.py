"""Numbers of an array as a tuple and back, at equal distances; so they stay in registers."""

from epropnp.backends.numba_cpu.compiled import inlined


@inlined
def three(array, at, apart):
    """Three numbers."""
    return array[at], array[at + apart], array[at + 2 * apart]


@inlined
def four(array, at, apart):
    """Four numbers."""
    return array[at], array[at + apart], array[at + 2 * apart], array[at + 3 * apart]


@inlined
def seven(array, at, apart):
    """Seven numbers."""
    return three(array, at, apart) + four(array, at + 3 * apart, apart)


@inlined
def nine(array, at, apart):
    """Nine numbers."""
    return (
        three(array, at, apart)
        + three(array, at + 3 * apart, apart)
        + three(array, at + 6 * apart, apart)
    )


@inlined
def fifteen(array, at, apart):
    """Fifteen numbers: a system of four degrees of freedom."""
    return (
        seven(array, at, apart)
        + four(array, at + 7 * apart, apart)
        + four(array, at + 11 * apart, apart)
    )


@inlined
def twenty_eight(array, at, apart):
    """Twenty-eight numbers: a system of six degrees of freedom."""
    return (
        seven(array, at, apart)
        + seven(array, at + 7 * apart, apart)
        + seven(array, at + 14 * apart, apart)
        + seven(array, at + 21 * apart, apart)
    )


@inlined
def put_four(array, at, apart, numbers):
    """Write four numbers."""
    array[at], array[at + apart] = numbers[0], numbers[1]
    array[at + 2 * apart], array[at + 3 * apart] = numbers[2], numbers[3]


@inlined
def put_seven(array, at, apart, numbers):
    """Write seven numbers."""
    put_four(array, at, apart, numbers[:4])
    array[at + 4 * apart], array[at + 5 * apart] = numbers[4], numbers[5]
    array[at + 6 * apart] = numbers[6]


@inlined
def put_nine(array, at, apart, numbers):
    """Write nine numbers."""
    put_seven(array, at, apart, numbers[:7])
    array[at + 7 * apart], array[at + 8 * apart] = numbers[7], numbers[8]
