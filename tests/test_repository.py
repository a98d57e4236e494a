"""Rules for the files of the repository: lint, sizes, nothing that belongs to one machine."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 80
MAX_FILE_BYTES = 500_000
RECORDS = REPO / "tests/golden"  # recorded numbers of the published system
MAX_RECORDS_BYTES = 10_000_000  # all together
MACHINE_PATH = re.compile(
    r"""(?<![\w.:/])/(?:work|tmp|home|root|mnt|Users|private|scratch)/[\w.-]"""
)


def tracked_files() -> list[Path]:
    """Files under version control that are still there; skips outside a git checkout."""
    if shutil.which("git") is None or not (REPO / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPO, capture_output=True, text=True, check=True
    ).stdout
    return [REPO / name for name in names.split("\0") if name and (REPO / name).is_file()]


def python_files(*tops: str) -> list[Path]:
    """Tracked Python files, under some top folders if given."""
    files = [path for path in tracked_files() if path.suffix == ".py"]
    return [path for path in files if not tops or path.relative_to(REPO).parts[0] in tops]


def is_text(path: Path) -> bool:
    return b"\0" not in path.read_bytes()[:8192]


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]], ids=["rules", "format"])
def test_ruff(arguments):
    result = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, "."], cwd=REPO, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr


def test_no_machine_paths():
    hits = []
    for path in filter(is_text, tracked_files()):
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            if MACHINE_PATH.search(line):
                hits.append(f"{path.relative_to(REPO)}:{number}: {line.strip()[:100]}")
    assert not hits, "\n".join(hits)


def test_machine_path_pattern_finds_some_and_spares_others():
    assert MACHINE_PATH.search('root = "' + "/".join(["", "home", "someone", "data"]) + '"')
    assert MACHINE_PATH.search("cd " + "/".join(["", "tmp", "x"]))
    for before, folder in [("https://a.org", "home"), ("data", "work"), ("a", "tmp")]:
        assert not MACHINE_PATH.search("/".join([before, folder, "x"]))
    assert not MACHINE_PATH.search("~/.cache/epropnp")


def test_files_are_small():
    long = {
        str(path.relative_to(REPO)): lines
        for path in python_files()
        if (lines := len(path.read_text().splitlines())) > MAX_FILE_LINES
    }
    large = {
        str(path.relative_to(REPO)): size
        for path in tracked_files()
        if (size := path.stat().st_size) > MAX_FILE_BYTES and path.parent != RECORDS
    }
    assert not long
    assert not large


def test_recorded_numbers_are_compact():
    sizes = [path.stat().st_size for path in tracked_files() if path.parent == RECORDS]
    assert 0 < sum(sizes) <= MAX_RECORDS_BYTES


def test_functions_are_short():
    long = {}
    for path in python_files("projects", "tools", "benchmarks", "demo"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = node.end_lineno - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long[f"{path.relative_to(REPO)}:{node.name}"] = lines
    assert not long


def test_nothing_is_left_to_do():
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error")
    hits = [
        f"{path.relative_to(REPO)}: {word}"
        for path in python_files()
        for word in words
        if word in path.read_text()
    ]
    assert not hits


def test_scripts_are_executable():
    for path in tracked_files():
        if is_text(path) and path.read_text().startswith("#!"):
            assert path.stat().st_mode & 0o111, f"{path} has a #! line but cannot be run"


def test_default_import_of_the_plugin_is_named_once():
    """`custom_imports` stands in one base file that all configs inherit."""
    owners = [
        path.relative_to(REPO / "configs").as_posix()
        for path in python_files("configs")
        if "custom_imports" in path.read_text()
    ]
    assert "_base_/default_runtime.py" in owners
    assert not [name for name in owners if "epropnp_det/" in name]
