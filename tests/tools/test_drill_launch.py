"""How the drills start processes: each is a fresh interpreter that can be killed with its own."""

import os
import threading
import time
from pathlib import Path

import pytest

from drills import fuzz, launch
from drills.frame import DrillError

SECONDS = 300  # more than it takes on any machine
PROBE = """
import os, sys
print("loaded:", *{"torch", "numpy", "numba", "drills"} & set(sys.modules))
print("threads:", len(os.listdir("/proc/self/task")) )
print(sys.argv[1:], os.environ["MARK"], os.getcwd())
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A repository with two tools: one says what it is, one starts another process."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/probe.py").write_text(PROBE)
    (tmp_path / "tools/parent.py").write_text(
        "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', 'input()'],"
        " stdin=subprocess.PIPE)\nprint(child.pid, flush=True)\nchild.wait()\n"
    )
    monkeypatch.setattr(launch, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def no_fork(monkeypatch):
    """A second thread, as libraries start them, and no fork of the process that has it."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("a process with threads was forked"))
    yield
    end.set()
    thread.join()


def ended(pid):
    """Whether a process is gone, or waits for nothing but that its parent asks for its code."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return state.rpartition(")")[2].split()[0] == "Z"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="counts threads in /proc")
def test_a_tool_runs_in_a_fresh_interpreter(tools, no_fork):
    log = tools / "logs/probe.log"
    process = launch.start("probe", [3, "ü"], log, {"MARK": "set"})
    assert process.wait(SECONDS) == 3
    lines = process.output().splitlines()
    assert lines == ["loaded:", "threads: 1", f"['3', 'ü'] set {tools}"]
    with pytest.raises(DrillError, match=rf"exit code 3: \['3', 'ü'\] set {tools}"):
        process.finish()
    assert "MARK" not in os.environ


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_a_killed_tool_takes_its_processes_along(tools):
    process = launch.start("parent", [], tools / "parent.log")
    process.wait(SECONDS, until=lambda: process.output().endswith("\n"))
    child = int(process.output())
    os.kill(child, 0)  # is there
    process.kill()
    assert process.poll() == -9
    deadline = time.monotonic() + SECONDS
    while not ended(child):
        assert time.monotonic() < deadline, "the tool's own process lives on"
        time.sleep(0.01)


def test_damaged_files_are_read_in_a_fresh_process(tmp_path, no_fork):
    folder = tmp_path / "camera"
    folder.mkdir()
    found = fuzz.run_apart("camera matrix", folder, 20)
    assert len(found) == 20
    assert set(found) <= {"read", "refused"}
