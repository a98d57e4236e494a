"""The set-up: long commands report, the mmcv wheel is built once, changes are noticed."""

import sys
from pathlib import Path

import pytest

import setup_env
from epropnp_tools import console, mmcv_wheel

TARGET = mmcv_wheel.Target("cp311", "2.13.0+cpu", None, "linux", "x86_64", headers="include")


def test_command_output_goes_to_the_log_and_the_screen_says_done(tmp_path, capsys):
    log = tmp_path / "log"
    console.run_logged("a step", [sys.executable, "-c", "print('details')"], log)
    assert "details" in log.read_text()
    assert "a step: done" in capsys.readouterr().out


def test_failed_command_shows_the_end_of_its_output(tmp_path, capsys):
    command = [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"]
    with pytest.raises(console.CommandFailed, match="the reason"):
        console.run_logged("a step", command, tmp_path / "log")
    assert "FAILED" in capsys.readouterr().out


def test_a_long_command_shows_that_it_is_alive(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(console, "REPORT_SECONDS", 0.0)
    monkeypatch.setattr(console, "POLL_SECONDS", 0.02)
    command = [sys.executable, "-c", "import time; time.sleep(0.3)"]
    console.run_logged("a step", command, tmp_path / "log", progress=lambda seconds: "7/77 files")
    assert capsys.readouterr().out.count("7/77 files") > 2


@pytest.fixture
def build_calls(tmp_path, monkeypatch):
    """Replace the compiler by a function that writes a file; returns the list of its calls."""
    calls = []

    def fetch(python, version, folder, log):
        source = folder / f"mmcv-{version}"
        source.mkdir(parents=True)
        return source

    def build(python, target, source, log):
        calls.append(target.key)
        wheel = source.parent / "mmcv-2.1.0-fake.whl"
        wheel.write_text("compiled")
        return wheel

    monkeypatch.setenv("EPROPNP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mmcv_wheel, "probe_target", lambda python: TARGET)
    monkeypatch.setattr(mmcv_wheel, "check_compiler", lambda target: None)
    monkeypatch.setattr(mmcv_wheel, "fetch_source", fetch)
    monkeypatch.setattr(mmcv_wheel, "compile_wheel", build)
    return calls


def test_mmcv_is_compiled_once_for_all_clones(tmp_path, build_calls):
    wheels = [mmcv_wheel.ensure_wheel(Path("python"), "2.1.0", tmp_path / "log") for _ in range(2)]
    assert wheels[0] == wheels[1]
    assert wheels[0].read_text() == "compiled"
    assert wheels[0].parent.name == "cp311-torch2.13.0+cpu-cpu-linux_x86_64"
    assert len(build_calls) == 1
    assert not list((tmp_path / "cache" / "build").rglob("mmcv-2.1.0"))


def test_another_torch_gets_another_wheel(tmp_path, build_calls, monkeypatch):
    mmcv_wheel.ensure_wheel(Path("python"), "2.1.0", tmp_path / "log")
    other = TARGET._replace(torch="2.14.0+cpu")
    monkeypatch.setattr(mmcv_wheel, "probe_target", lambda python: other)
    mmcv_wheel.ensure_wheel(Path("python"), "2.1.0", tmp_path / "log")
    assert build_calls == [TARGET.key, other.key]


def test_a_failed_build_leaves_no_wheel(tmp_path, build_calls, monkeypatch):
    def fail(python, target, source, log):
        raise console.CommandFailed("no space left")

    working = mmcv_wheel.compile_wheel
    monkeypatch.setattr(mmcv_wheel, "compile_wheel", fail)
    with pytest.raises(console.CommandFailed):
        mmcv_wheel.ensure_wheel(Path("python"), "2.1.0", tmp_path / "log")
    assert not list((tmp_path / "cache").rglob("*.whl"))
    monkeypatch.setattr(mmcv_wheel, "compile_wheel", working)
    monkeypatch.setattr(
        mmcv_wheel,
        "fetch_source",
        lambda *others: next((tmp_path / "cache" / "build").rglob("mmcv-2.1.0")),
    )
    assert mmcv_wheel.ensure_wheel(Path("python"), "2.1.0", tmp_path / "log").is_file()


def test_missing_compiler_is_said_before_the_build(monkeypatch):
    monkeypatch.setattr(mmcv_wheel.shutil, "which", lambda name: None)
    with pytest.raises(console.CommandFailed, match="install one"):
        mmcv_wheel.check_compiler(TARGET)


def test_missing_headers_are_said_before_the_build(tmp_path, monkeypatch):
    monkeypatch.setattr(mmcv_wheel.shutil, "which", lambda name: "c++")
    with pytest.raises(console.CommandFailed, match=r"Python\.h"):
        mmcv_wheel.check_compiler(TARGET._replace(headers=str(tmp_path)))


def test_progress_counts_the_files_to_compile(tmp_path):
    operators = tmp_path / "mmcv" / "ops" / "csrc" / "pytorch"
    for name in ("a.cpp", "b.cpp", "cpu/c.cpp", "cuda/d.cu", "cuda/e.cpp", "npu/f.cpp"):
        (operators / name).parent.mkdir(parents=True, exist_ok=True)
        (operators / name).touch()
    assert mmcv_wheel.count_sources(tmp_path, with_cuda=False) == 3
    assert mmcv_wheel.count_sources(tmp_path, with_cuda=True) == 5


def test_changed_requirements_are_noticed(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("torch\n")
    monkeypatch.setattr(setup_env, "REQUIREMENTS", tmp_path)
    before = setup_env.fingerprint("torch", "3.11")
    assert setup_env.fingerprint("torch", "3.11") == before
    assert setup_env.fingerprint("torch==2.12", "3.11") != before
    (tmp_path / "a.txt").write_text("torch>=2.1\n")
    assert setup_env.fingerprint("torch", "3.11") != before


def test_requirement_files_are_read_without_comments(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("# first\ntorch  # why\n\nnumpy<2\n")
    monkeypatch.setattr(setup_env, "REQUIREMENTS", tmp_path)
    assert setup_env.read_requirements("a") == ["torch", "numpy<2"]


def test_an_unsupported_python_looks_for_another_one(monkeypatch):
    monkeypatch.setattr(setup_env.sys, "version_info", (3, 14, 0, "final", 0))
    monkeypatch.setattr(setup_env.shutil, "which", lambda name: None)
    with pytest.raises(console.CommandFailed, match=r"no python3\.10, 3\.11 or 3\.12"):
        setup_env.pick_python()
    monkeypatch.setattr(
        setup_env.shutil, "which", lambda name: sys.executable if "3.12" in name else None
    )
    assert setup_env.pick_python() == sys.executable


@pytest.fixture
def browser_commands(monkeypatch):
    """Commands that the set-up of the browser runs on a Debian machine without one, as root."""
    commands = []
    monkeypatch.setattr(
        setup_env, "run_logged", lambda title, command, *rest: commands.append(command)
    )
    monkeypatch.setattr(setup_env.os, "geteuid", lambda: 0)
    monkeypatch.setattr(
        setup_env.shutil, "which", lambda name: "apt-get" if name == "apt-get" else None
    )
    return commands


def test_chromium_is_installed_where_that_takes_no_question(
    tmp_path, monkeypatch, browser_commands
):
    setup_env.install_browser(tmp_path / "log")
    assert browser_commands[0] == ["apt-get", "update"]
    assert browser_commands[1][-2:] == ["chromium", "chromium-driver"]
    monkeypatch.setattr(setup_env.shutil, "which", lambda name: name)
    setup_env.install_browser(tmp_path / "log")
    assert len(browser_commands) == 2


@pytest.mark.parametrize("lack", ["root", "apt-get", "network"])
def test_without_chromium_the_set_up_goes_on_and_says_so(
    tmp_path, monkeypatch, capsys, browser_commands, lack
):
    def fail(*arguments):
        raise console.CommandFailed("no network")

    if lack == "root":
        monkeypatch.setattr(setup_env.os, "geteuid", lambda: 1000)
    elif lack == "apt-get":
        monkeypatch.setattr(setup_env.shutil, "which", lambda name: None)
    else:
        monkeypatch.setattr(setup_env, "run_logged", fail)
    setup_env.install_browser(tmp_path / "log")
    assert not browser_commands
    assert "tests of the result page will be skipped" in capsys.readouterr().out
