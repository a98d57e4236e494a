"""Several commands at a time on one machine, every line of output with the name of its command."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from epropnp_tools.console import say


def run_side_by_side(commands: Mapping[str, Sequence[str]], at_once: int) -> list[str]:
    """Run commands, so many at a time; when this is interrupted, they are ended.

    The cores are shared out by ``OMP_NUM_THREADS``, unless it is set.

    Args:
        commands: by name, in the order in which they are begun.
        at_once: how many run at a time.

    Returns:
        Names of those that failed.
    """
    threads = max((os.cpu_count() or 1) // at_once, 1)
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
    children: list[subprocess.Popen] = []
    console, interrupted = Lock(), False

    def run(name: str) -> int:
        with console:
            if interrupted:
                return 1
            child = subprocess.Popen(
                commands[name],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            children.append(child)
        for line in child.stdout:
            with console:
                say(f"{name}: {line.rstrip()}")
        return child.wait()

    with ThreadPoolExecutor(at_once) as pool:
        try:
            outcomes = {name: pool.submit(run, name) for name in commands}
            return [name for name, outcome in outcomes.items() if outcome.result() != 0]
        except BaseException:
            with console:
                interrupted = True
                for child in children:
                    child.terminate()
            raise
