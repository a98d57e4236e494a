"""A tool in two joined processes, started one by one or started by its script."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .launch import ROOT, Process, start


def free_port() -> int:
    """A port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_two(tool: str, arguments: Sequence[str | Path], folder: Path) -> list[Process]:
    """Two joined processes of a tool, without torchrun's start-up time."""
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    return [
        start(
            tool,
            [*arguments, "--launcher", "pytorch"],
            folder / f"rank_{rank}.log",
            {**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in (0, 1)
    ]


def run_script(script: str, *arguments: str | Path) -> tuple[int, str]:
    """Exit code and output of one of the scripts for several processes."""
    env = dict(os.environ, PYTHON=sys.executable, PORT=str(free_port()))
    done = subprocess.run(
        [f"tools/{script}.sh", *map(str, arguments)],
        cwd=ROOT,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=3600,
    )
    return done.returncode, done.stdout
