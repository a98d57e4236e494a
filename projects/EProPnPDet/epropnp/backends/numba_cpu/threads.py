"""Threads that run a function side by side: those of torch, where they can be had.

After each of its own operations torch's OpenMP threads wait actively for a while for the next one.
Other threads would share the cores with this waiting (a training step took a third longer), so work
is given to OpenMP itself, through the entry point that compiled code calls. Where it is not found,
on other systems or in a forked process, whose OpenMP threads are gone, a pool of ordinary threads
does it.
"""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_PROCESS = os.getpid()


def side_by_side(work: Callable[[], None], threads: int) -> None:
    """Call ``work`` once in each of so many threads, this one among them, and wait for all.

    Raises:
        Exception: the first that a thread raised.
    """
    parallel = _openmp() if os.getpid() == _PROCESS else None
    if parallel is None:
        helpers = [_pool(os.getpid()).submit(work) for _ in range(threads - 1)]
        work()
        for helper in helpers:
            helper.result()
        return
    errors: list[BaseException] = []

    def guarded(_: object) -> None:
        try:
            work()
        except BaseException as error:  # C code cannot pass it on
            errors.append(error)

    parallel(_CALLBACK(guarded), None, threads, 0)
    if errors:
        raise errors[0]


@cache
def _openmp() -> Callable | None:
    """Entry point of GNU OpenMP in this process, or None."""
    try:
        parallel = ctypes.CDLL(None).GOMP_parallel
    except (AttributeError, OSError, TypeError):
        return None
    parallel.argtypes = (_CALLBACK, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
    parallel.restype = None
    return parallel


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Threads of a process; a forked one, which inherits none, makes its own."""
    return ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="epropnp")
