"""Run a list of commands once: a second run reuses what is there, a stopped one goes on.

Each step leaves a small file that says what it was run with. A step is repeated when its command,
one of its input texts or an earlier step changed, or when its output is gone.
"""

import hashlib
import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from epropnp_tools.console import CommandFailed, clock, locked, say, tail


@dataclass(frozen=True)
class Step:
    """One command and what it writes.

    Attributes:
        name: short name, for its file.
        title: what it does, for the screen.
        command: program and arguments.
        output: file or folder that is there when the step is done; removed before the step is run
            anew, if an earlier run of it made it; set aside as ``NAME.before`` if it is resumable.
        depends: text that decides the result beside the command, e.g. a config.
        resumable: the command goes on with the output of an interrupted run.
        show: lines of its output to show; None shows all as it comes.
    """

    name: str
    title: str
    command: Sequence[str]
    output: Path
    depends: str = ""
    resumable: bool = False
    show: str | None = None


def run_steps(steps: Sequence[Step], folder: Path) -> float:
    """Run what has not been done yet.

    Args:
        steps: in order; each may need the outputs of those before it.
        folder: for the records of the steps and their logs.

    Returns:
        Seconds that all steps took, in this run or before.

    Raises:
        CommandFailed: when a step fails, with the end of its output.
    """
    with locked(folder / "lock") as lock:
        return _run_steps(steps, folder, lock)


def run_program(steps: Sequence[Step], folder: Path) -> int:
    """Run steps as a whole program; SIGTERM ends it like Ctrl-C, and with it the running step.

    Args:
        steps: see `run_steps`.
        folder: see `run_steps`.

    Returns:
        Exit code: 0 when all is done, 1 when a step failed, 130 when it was stopped.
    """
    signal.signal(signal.SIGTERM, _stop)
    start = time.monotonic()
    try:
        total = run_steps(steps, folder)
    except CommandFailed as error:
        say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped; the next run goes on from here.")
        return 130
    say(f"\nDone in {clock(time.monotonic() - start)} (all steps together {clock(total)}).")
    return 0


def _stop(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def _run_steps(steps: Sequence[Step], folder: Path, lock: int) -> float:
    key, total = "", 0.0
    for number, step in enumerate(steps, start=1):
        key = _digest(key, json.dumps(list(step.command)), step.depends)
        heading = f"[{number}/{len(steps)}] {step.title}"
        record = _read_record(folder, step)
        if record.get("key") == key and "seconds" in record and step.output.exists():
            say(f"{heading}: done before in {clock(record['seconds'])}, reusing {step.output}")
            total += record["seconds"]
            continue
        total += _run_anew(step, heading, _Workplace(folder, lock), key, record)
    return total


class _Workplace(NamedTuple):
    """Folder of the records and the lock on it, which the commands inherit."""

    folder: Path
    lock: int


def _run_anew(step: Step, heading: str, place: _Workplace, key: str, record: dict) -> float:
    folder = place.folder
    before = record.get("spent", 0.0)
    goes_on = record.get("key") == key and step.resumable and step.output.exists()
    if not goes_on:
        before = 0.0
        if record:
            _clear(step)
    say(f"{heading}{': going on with ' + str(step.output) if goes_on else ''}")
    start = time.monotonic()
    try:
        _write_record(folder, step, key=key, spent=before)
        _run(step, place)
    finally:
        seconds = before + time.monotonic() - start
        _write_record(folder, step, key=key, spent=seconds)
    if not step.output.exists():
        raise CommandFailed(f"{step.title}: ended without writing {step.output}")
    _write_record(folder, step, key=key, seconds=seconds)
    say(f"      took {clock(seconds)}")
    return seconds


def _run(step: Step, place: _Workplace) -> None:
    """Run the command; its whole output goes to a log when only part of it is shown."""
    if step.show is None:
        if subprocess.run(step.command, pass_fds=[place.lock]).returncode != 0:
            raise CommandFailed(f"{step.title} failed; the reason is above")
        return
    pattern, log = re.compile(step.show), place.folder / f"{step.name}.log"
    with log.open("w") as sink:
        process = subprocess.Popen(
            step.command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=[place.lock],
        )
        try:
            for line in process.stdout:
                sink.write(line)
                sink.flush()
                if pattern.search(line):
                    say(f"      {line.rstrip()}")
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if process.wait() != 0:
        raise CommandFailed(f"{tail(log)}\n\n{step.title} failed; the whole output is in {log}")


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _read_record(folder: Path, step: Step) -> dict:
    path = folder / f"{step.name}.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def _write_record(folder: Path, step: Step, **record: str | float) -> None:
    path = folder / f"{step.name}.json"
    part = path.with_suffix(".part")
    part.write_text(json.dumps(record))
    part.replace(path)


def _clear(step: Step) -> None:
    """Make room for a step that is run anew; what took long is set aside, not removed."""
    if not (step.resumable and step.output.exists()):
        _remove(step.output)
        return
    aside = step.output.with_name(f"{step.output.name}.before")
    _remove(aside)
    step.output.rename(aside)
    say(f"      it was made with other settings before; that is now {aside}")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
