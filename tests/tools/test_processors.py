"""Tests as other processors would run them: which are run where, and the table at the end."""

import sys

import pytest


@pytest.fixture
def processors(repo_dir, monkeypatch):
    monkeypatch.syspath_prepend(str(repo_dir / "tools/dev"))
    import processors

    yield processors
    sys.modules.pop("processors")


def test_chosen_tests_run_in_chosen_lanes_and_end_in_a_table(processors, monkeypatch, capsys):
    calls = []

    def run(lane, pytest_args):
        calls.append((*lane, pytest_args))
        failed = ["FAILED tests/a.py::b"] if lane.processor == "sse" else []
        return f"{len(failed)} failed in 1.00s", failed

    monkeypatch.setattr(processors, "run", run)
    monkeypatch.setattr(processors.Lane, "capability", lambda self: self.processor.upper())
    options = ["tests/a.py", "-k", "b", "--processors", "sse", "native", "--threads", "1"]
    assert processors.main(options) == 1
    chosen = ["tests/a.py", "-k", "b"]
    assert calls == [("sse", 1, chosen), ("native", 1, chosen)]
    rows = capsys.readouterr().out.split("\n\n")[-1].splitlines()
    assert [row.split()[:3] for row in rows] == [
        ["lane", "threads", "torch"],
        ["sse", "1", "SSE"],
        ["FAILED", "tests/a.py::b"],
        ["native", "1", "NATIVE"],
    ]
    assert processors.main(["--processors", "native", "--threads", "1"]) == 0


def test_a_lane_limits_every_library(processors, monkeypatch):
    monkeypatch.setenv("MKL_CBWR", "mine")
    environment = processors.Lane("avx2", 2).environment()
    assert environment["ATEN_CPU_CAPABILITY"] == "avx2"
    assert environment["MKL_CBWR"] == "AVX2"
    assert environment["OMP_NUM_THREADS"] == "2"
    assert processors.Lane("native", 1).environment()["MKL_CBWR"] == "mine"


def test_pytest_closing_line_and_failures_are_read(processors, tmp_path):
    (tmp_path / "test_x.py").write_text("def test_a(): pass\ndef test_b(): assert False\n")
    lane = processors.Lane("native", 1)
    closing, failed = processors.run(
        lane, [str(tmp_path / "test_x.py"), "--rootdir", str(tmp_path)]
    )
    assert closing.startswith("1 failed, 1 passed")
    assert len(failed) == 1
    assert "test_b" in failed[0]
