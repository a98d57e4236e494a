#!/usr/bin/env python3
"""Run tests in a second environment: the oldest torch and numpy that are promised.

    python tools/lane.py                        # build it, run the tests of layer and data
    python tools/lane.py tests/epropnp -x       # arguments are pytest's
    python tools/lane.py --python python3.12 --torch 2.8.0 --numpy 1.26.4

The oldest versions are the lower bounds in requirements/runtime.txt. The environment lies in
``.venv-lane-*``; a second run finds it there. How a run ended goes to ``work_dirs/lanes``.

There is no mmcv in it, which has no wheel for such a torch and takes ten minutes to compile: the
networks stay out. With them: ``PYTHON=python3.10 TORCH=torch==2.6.0 VENV=.venv-full make test``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from epropnp_tools.console import CommandFailed, clock, run_logged, say
from setup_env import create_venv, read_requirements, torch_index

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ROOT / "projects" / "EProPnPDet"
EXTRAS = ("tests", "synth", "viz", "fast")
TESTS = ("tests/epropnp", "tests/epropnp_data", "tests/epropnp_results")
NEEDS_MM = ("tests/epropnp_data/nuscenes/test_real_samples.py", "tests/epropnp_data/geometry")
CLOSING = re.compile(r"\d+ (?:passed|failed|error|skipped)[^\n]* in [\d.]+s[^\n=]*")


class Lane(NamedTuple):
    """An environment: interpreter, torch and numpy."""

    python: str
    torch: str
    numpy: str

    @property
    def name(self) -> str:
        """In file names."""
        return f"py{version_of(self.python)}-torch{self.torch}-numpy{self.numpy}"

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return ROOT / f".venv-lane-{self.name}"


def oldest(package: str) -> str:
    """Lowest version that requirements/runtime.txt allows, with three numbers."""
    for line in read_requirements("runtime"):
        if match := re.match(rf"{package}>=([\d.]+)", line):
            return ".".join([*match[1].split("."), "0"][:3])
    raise CommandFailed(f"requirements/runtime.txt names no lowest {package}")


def find_python(name: str) -> str:
    """Path of an interpreter on the PATH or of pyenv.

    Raises:
        CommandFailed: there is none.
    """
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = sorted(folder.glob(f"{name.removeprefix('python')}*/bin/python"))
    path = str(found[-1]) if found else shutil.which(name)
    if path is None:
        raise CommandFailed(f"no {name} on the PATH or in {folder}: name one with --python")
    return path


def version_of(python: str) -> str:
    """Version of an interpreter, for example 3.10.13."""
    code = "import platform; print(platform.python_version())"
    return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip()


def build(lane: Lane, log: Path) -> Path:
    """Interpreter of the environment, made unless it is there.

    Raises:
        CommandFailed: with the tail of the log.
    """
    python, stamp = lane.folder / "bin" / "python", lane.folder / "epropnp-ready"
    pins = [f"torch=={lane.torch}", f"numpy=={lane.numpy}"]
    others = [line for name in EXTRAS for line in read_requirements(name)]
    wanted = [*pins, *(line for line in others if not line.startswith("numpy"))]
    if stamp.is_file() and stamp.read_text().splitlines() == wanted:
        return python
    create_venv(lane.folder, lane.python, log)
    index = torch_index()
    extra = ["--extra-index-url", index] if index else []
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    run_logged(f"packages of {lane.name}", [*command, *wanted, *extra], log)
    stamp.write_text("\n".join(wanted))
    return python


def run_tests(python: Path, pytest_args: list[str]) -> dict:
    """Run pytest in the environment; its closing line and the tests that failed."""
    left_out = [] if pytest_args else [f"--ignore={path}" for path in NEEDS_MM]
    arguments = pytest_args or [*TESTS, *left_out]
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    env = {**os.environ, "PYTHONPATH": str(PACKAGES)}
    failed, closing = [], "pytest ended without a result"
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        print(line, end="", flush=True)
        if line.startswith(("FAILED", "ERROR")):
            failed.append(line.strip())
        if found := CLOSING.search(line):
            closing = found[0].strip()
    return dict(tests=arguments, closing=closing, failed=failed, exit_code=process.wait())


def main() -> int:
    """Build, test, record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", default="python3.10", help="interpreter (python3.10)")
    parser.add_argument("--torch", help="version (the oldest promised)")
    parser.add_argument("--numpy", help="version (the oldest promised)")
    args, pytest_args = parser.parse_known_args()
    try:
        lane = Lane(
            find_python(args.python), args.torch or oldest("torch"), args.numpy or oldest("numpy")
        )
        report = ROOT / "work_dirs" / "lanes" / f"{lane.name}.json"
        report.parent.mkdir(parents=True, exist_ok=True)
        python = build(lane, report.with_suffix(".log"))
    except CommandFailed as error:
        say(f"\n{error}")
        return 1
    start = time.monotonic()
    outcome = run_tests(python, pytest_args)
    outcome = dict(lane=lane.name, when=time.strftime("%Y-%m-%d"), **outcome)
    report.write_text(json.dumps(outcome, indent=1) + "\n")
    say(f"{lane.name}: {outcome['closing']} ({clock(time.monotonic() - start)}); {report}")
    return outcome["exit_code"]


if __name__ == "__main__":
    sys.exit(main())
