"""Start the real tools as processes that a drill can watch, kill and start again.

A tool is run in a fork of the drill, which has imported the libraries before: each start then takes
a second instead of ten, and is the same code from the tool's first line on.
"""

import contextlib
import importlib
import os
import runpy
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from .frame import DrillError

ROOT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.01


class Process:
    """A tool that runs in a session of its own, with its output in a file."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid = pid
        self.log = log
        self._code: int | None = None

    def poll(self) -> int | None:
        """Exit code, negative for a signal; None while it runs."""
        if self._code is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self._code = os.waitstatus_to_exitcode(status)
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


def import_libraries() -> None:
    """Load what the tools import, and the drills' own hooks, once, before the first fork."""
    for name in ("epropnp_det", "epropnp_6dof", "numba", "drills.faults"):
        importlib.import_module(name)


def start(
    tool: str, arguments: Sequence[str | Path], log: Path, env: dict[str, str] | None = None
) -> Process:
    """Start one of the tools, by its name without ``.py``, with the repository as its folder."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os._exit(_run_tool(tool, [str(word) for word in arguments], log, env or {}))
    with contextlib.suppress(PermissionError):  # the child does the same; whoever is first
        os.setpgid(pid, pid)
    return Process(pid, log)


def _run_tool(tool: str, arguments: list[str], log: Path, env: dict[str, str]) -> int:
    """What the child does; returns its exit code."""
    with contextlib.suppress(PermissionError):
        os.setpgid(0, 0)
    sink = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    os.environ.update(env)
    os.chdir(ROOT)
    sys.argv = [str(ROOT / f"tools/{tool}.py"), *arguments]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code
