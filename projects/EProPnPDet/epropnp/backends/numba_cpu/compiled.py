"""How kernels are compiled, cached and spread over threads.

Kernels work on plain contiguous arrays, on a range of objects ``[first, last)``, and on scratch
memory of their own. They allocate nothing and count no references (numba's memory runtime is off:
counting is atomic and cost more than the arithmetic of a small problem). They release the
interpreter lock, so threads run them side by side, as many as torch may use. Numba's own parallel
runtime is not used: it ends a process that forks after its first use, as data loaders do. Array
lengths are run-time values: another number of objects, points or samples never compiles anything
again, only another dtype does.

Compiled code is kept on disk by numba: beside the package, or in the user's cache directory where
that is not writable (`NUMBA_CACHE_DIR` sets another one).
"""

import hashlib
import re
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import torch

from epropnp.backends.numba_cpu.threads import side_by_side

# Sums may be regrouped, so that they run in vector registers, and a quotient may become a product
# by the reciprocal. Not-a-number and infinity keep their meaning: a bad pose must stay visible.
FAST_MATH = {"reassoc", "contract", "arcp", "nsz"}
CHUNKS_PER_THREAD = 4  # parts of the work per thread, so that an uneven one is made up for
COMPILED = re.compile(r"^\s*(@|def )(kernel|inlined)\b", re.MULTILINE)
CONSTANTS = re.compile(r"^from epropnp\.(\w+) import", re.MULTILINE)
WORTH_A_THREAD = 20_000  # point evaluations; less takes less time than to wake a thread


def kernel(function: Callable) -> Callable:
    """Compile a function at its first call for the types of its arguments, or load it from disk."""
    try:
        compiled = _jit(function, cache=True)
    except RuntimeError:  # no directory to keep it in
        return _jit(function, cache=False)
    _stamp_with_package(compiled)
    _name_by_parts(compiled)
    return compiled


def inlined(function: Callable) -> Callable:
    """Compile a function for use inside kernels only, where its code is repeated.

    Left to itself the compiler calls large ones, whose loops then run number by number.
    """
    return _jit(function, cache=False, forceinline=True)


def _jit(function: Callable, cache: bool, forceinline: bool = False) -> Callable:
    return numba.njit(
        nogil=True,
        error_model="numpy",
        fastmath=FAST_MATH,
        cache=cache,
        forceinline=forceinline,
        boundscheck=False,
        _nrt=False,
    )(function)


def _stamp_with_package(compiled: Any) -> None:
    """Make the cache of a kernel depend on all files of kernels, not on the one it is written in.

    Numba looks at the kernel's own file only and would keep code made of an older `inlined`
    function of another file, or with an older constant.
    """
    cache_file = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if hasattr(cache_file, "_source_stamp"):
        cache_file._source_stamp = _package_stamp()


def _name_by_parts(compiled: Any) -> None:
    """Let another process find a kernel that was made inside a function.

    Numba looks for the bytes of the functions it was made of, with a random number in each, so that
    every process compiled such a kernel again and kept one more copy. Which functions and numbers
    they are says enough: what is in them is in the stamp of the package.
    """
    found = getattr(compiled, "_cache", None)
    if hasattr(found, "_index_key"):
        parts = description(compiled)
        found._index_key = lambda signature, codegen: (signature, codegen.magic_tuple(), parts)


def description(part: object) -> str:
    """Name of a function with all it was made of, or a plain value; the same in every process."""
    function = getattr(part, "py_func", part)
    if not callable(function):
        return repr(part)
    cells = ", ".join(description(cell.cell_contents) for cell in function.__closure__ or ())
    return f"{function.__module__}.{function.__qualname__}({cells})"


@cache
def _package_stamp() -> str:
    """Digest of the files with compiled functions, and of those they take constants from."""
    here = Path(__file__).parent
    texts = {path: path.read_text() for path in sorted(here.glob("*.py"))}
    texts = {path: text for path, text in texts.items() if COMPILED.search(text)}
    used = {name for text in texts.values() for name in CONSTANTS.findall(text)}
    elsewhere = [(here.parents[1] / f"{name}.py").read_text() for name in sorted(used)]
    return hashlib.sha256("".join([*texts.values(), *elsewhere]).encode()).hexdigest()


class Job(NamedTuple):
    """Size of a piece of work.

    Attributes:
        total: number of objects.
        work: point evaluations in all.
        scratch: numbers of scratch memory that a kernel needs.
        dtype: of the scratch memory.
    """

    total: int
    work: int
    scratch: int
    dtype: np.dtype


def run(function: Callable, job: Job, *arguments: Any) -> None:
    """Call ``function(first, last, scratch, *arguments)`` over all objects.

    Threads share the work if it is worth it.
    """
    total = job.total
    threads = min(torch.get_num_threads(), total, 1 + job.work // WORTH_A_THREAD)
    if threads <= 1:
        function(0, total, np.empty(job.scratch, job.dtype), *arguments)
        return
    chunks = min(total, threads * CHUNKS_PER_THREAD)
    edges = [total * index // chunks for index in range(chunks + 1)]
    parts = list(pairwise(edges))

    def consume() -> None:
        scratch = np.empty(job.scratch, job.dtype)
        while parts:
            try:
                first, last = parts.pop()
            except IndexError:  # another thread took the last part
                return
            function(first, last, scratch, *arguments)

    side_by_side(consume, threads)
