"""Start the real tools as processes that a drill can watch, kill and start again.

Each start is a fresh interpreter. A fork of the drill would be faster, but inherits the thread pool
that torch has used there without its threads, and waits for these for ever.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .frame import DrillError

ROOT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.01


class Process:
    """A tool that runs in a session of its own, with its output in a file."""

    def __init__(self, popen: subprocess.Popen, log: Path) -> None:
        self.pid = popen.pid
        self.log = log
        self._popen = popen
        self._code: int | None = None

    def poll(self) -> int | None:
        """Exit code, negative for a signal; None while it runs."""
        if self._code is None:
            self._code = self._popen.poll()
            if self._code is not None:
                with contextlib.suppress(ProcessLookupError):  # loader workers may outlive it
                    os.killpg(self.pid, signal.SIGKILL)
        return self._code

    def wait(self, seconds: float, until: Callable[[], bool] = lambda: False) -> int | None:
        """Exit code as soon as it ends, or None as soon as something is the case.

        Raises:
            DrillError: neither happened in time; the process is killed.
        """
        end = time.monotonic() + seconds
        while self.poll() is None and not until():
            if time.monotonic() > end:
                self.kill()
                raise DrillError(f"no end after {seconds} s: {self.tail()}")
            time.sleep(POLL_SECONDS)
        return self._code

    def kill(self) -> None:
        """SIGKILL to the tool and what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        while self.poll() is None:
            time.sleep(POLL_SECONDS)

    def finish(self, seconds: float = 1800) -> str:
        """Output of a tool that has to end well.

        Raises:
            DrillError: it did not.
        """
        code = self.wait(seconds)
        if code != 0:
            raise DrillError(f"exit code {code}: {self.tail()}")
        return self.output()

    def output(self) -> str:
        """All that it printed so far."""
        return self.log.read_text(errors="replace")

    def tail(self) -> str:
        """Its last line."""
        lines = [line for line in self.output().splitlines() if line.strip()]
        return lines[-1] if lines else "no output"


def start(
    tool: str, arguments: Sequence[str | Path], log: Path, env: dict[str, str] | None = None
) -> Process:
    """Start one of the tools, by its name without ``.py``, with the repository as its folder."""
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(ROOT / f"tools/{tool}.py"), *map(str, arguments)]
    with log.open("ab") as sink:
        popen = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Process(popen, log)
