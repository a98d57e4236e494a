"""The two command lines: what they print, and how they fail."""

import subprocess
import sys

import pytest


def run(repo_dir, tool, *arguments):
    command = [sys.executable, str(repo_dir / "tools" / tool), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_second_call_says_that_it_reuses(repo_dir, tmp_path):
    small = (tmp_path / "set", "--scenes", 2, "--samples-per-scene", 1, "--image-scale", 0.04)
    first = run(repo_dir, "create_synthetic_nuscenes.py", *small, "--workers", 1)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("made")
    second = run(repo_dir, "create_synthetic_nuscenes.py", *small)
    assert second.stdout.startswith("reused")
    other = run(repo_dir, "create_synthetic_nuscenes.py", *small, "--seed", 5)
    assert other.returncode == 1
    assert "seed: there 0, asked 5" in other.stderr
    assert "Traceback" not in other.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--scenes", 11), "2 to 10 scenes"), (("--image-scale", 7), "image scale")],
)
def test_bad_option_is_one_clear_line(repo_dir, tmp_path, options, message):
    result = run(repo_dir, "create_synthetic_nuscenes.py", tmp_path / "set", *options)
    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_missing_ground_truth_is_named(repo_dir, tmp_path):
    result = run(repo_dir, "create_real_samples.py", tmp_path / "no.json", tmp_path / "out")
    assert result.returncode == 1
    assert "no.json" in result.stderr
