"""Spread work over processes that share the memory of this one."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from threadpoolctl import threadpool_limits
from tqdm import tqdm

Item = TypeVar("Item")
Result = TypeVar("Result")
_job: Callable | None = None  # in a worker: what it does


def forked_map(
    job: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    desc: str,
    unit: str,
) -> Iterator[Result]:
    """Results of a job on each item, in order, with a progress bar.

    The job is not copied: forked workers see all it refers to, such as tables of gigabytes, as this
    process holds it. Items and results travel. Linear algebra runs on one thread per process:
    matrices here are 4 x 4, and threads that wait for each other cost more than they compute.

    Args:
        job: called in the workers; what it changes is lost.
        items: one call each.
        workers: processes; 1 works in this one.
        desc: text of the bar.
        unit: name of an item.
    """
    bar = {"desc": desc, "unit": unit, "total": len(items)}
    with threadpool_limits(limits=1):
        if workers == 1:
            yield from tqdm(map(job, items), **bar)
            return
        context = multiprocessing.get_context("fork")
        with context.Pool(min(workers, len(items)) or 1, _remember, (job,)) as pool:
            yield from tqdm(pool.imap(_call, items), **bar)


def _remember(job: Callable) -> None:
    global _job
    _job = job


def _call(item: object) -> object:
    return _job(item)
