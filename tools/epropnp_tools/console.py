"""Run long commands with a sign of life; standard library only, so before any installation."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POLL_SECONDS = 0.5
REPORT_SECONDS = 15  # between lines when the output is not a terminal
TAIL_LINES = 40


class CommandFailed(RuntimeError):
    """A command ended with an error; its last output lines are in the message."""


def clock(seconds: float) -> str:
    """Minutes and seconds, as in 3:07."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def say(text: str) -> None:
    """Print one line at once, also into a pipe."""
    print(text, flush=True)


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold a file lock; another process that wants it waits and says so.

    Yields:
        The file descriptor of the lock. A child process that is given it holds the lock too, so
        that work goes on being protected when its parent is killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"  another process holds {path}; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()


class StatusLine:
    """One line that is redrawn on a terminal, or repeated now and then in a log."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.start = time.monotonic()
        self._reported = self.start
        self._terminal = sys.stdout.isatty()

    @property
    def seconds(self) -> float:
        """Time since the line was opened."""
        return time.monotonic() - self.start

    def update(self, detail: str) -> None:
        """Show what is going on, at most every ``REPORT_SECONDS`` where lines add up."""
        line = f"  {self.title} ... {clock(self.seconds)} {detail}".rstrip()
        if self._terminal:
            sys.stdout.write("\r\033[K" + line)
            sys.stdout.flush()
        elif time.monotonic() - self._reported >= REPORT_SECONDS:
            self._reported = time.monotonic()
            say(line)

    def close(self, result: str) -> None:
        """Replace the line by its result."""
        if self._terminal:
            sys.stdout.write("\r\033[K")
        say(f"  {self.title}: {result} ({clock(self.seconds)})")


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """Last lines of a log file."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def run_logged(
    title: str,
    command: list[str],
    log: Path,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    progress: Callable[[float], str] = lambda seconds: "",
) -> None:
    """Run a command with its output in a log file and a status line on the screen.

    Args:
        title: what the line says.
        command: program and arguments.
        log: file to append the output to.
        env: environment of the command, ours when None.
        cwd: folder to run it in.
        progress: called with the elapsed seconds, says how far the command is.

    Raises:
        CommandFailed: with the tail of the log, when the command fails.
    """
    status = StatusLine(title)
    with log.open("a") as sink:
        sink.write(f"\n$ {' '.join(command)}\n")
        sink.flush()
        process = subprocess.Popen(command, stdout=sink, stderr=sink, env=env, cwd=cwd)
        try:
            while process.poll() is None:
                status.update(progress(status.seconds))
                time.sleep(POLL_SECONDS)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if process.returncode != 0:
        status.close("FAILED")
        raise CommandFailed(f"{tail(log)}\n\n{title} failed; the whole log is {log}")
    status.close("done")
