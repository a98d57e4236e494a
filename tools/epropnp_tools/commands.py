"""Command lines of the tools, for programs that run them one after the other."""

import sys
from collections.abc import Sequence
from pathlib import Path

CPU_PROCESSES = 2  # one thread each: faster than one process with two threads


def tool(name: str, *arguments: str | Path) -> list[str]:
    """Command line of one of the tools."""
    return [sys.executable, f"tools/{name}.py", *map(str, arguments)]


def demo(name: str, *arguments: str | Path) -> list[str]:
    """Command line of one of the commands for one's own images."""
    return [sys.executable, f"demo/{name}.py", *map(str, arguments)]


def distributed_training(arguments: Sequence[str | Path], processes: int) -> list[str]:
    """Command line of tools/train.py in several processes of this machine, on a free port."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    training = ["tools/train.py", *map(str, arguments), "--launcher", "pytorch"]
    return [*launcher, f"--nproc_per_node={processes}", *training]
