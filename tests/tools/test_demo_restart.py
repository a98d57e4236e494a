"""``--restart`` of the demos deletes what they made, and nothing else."""

import argparse
import subprocess
import sys

import pytest

import demo_6dof
from demo import forget
from epropnp_data.staging import staged
from epropnp_tools.console import locked
from synthetic_bop import make_bop


@pytest.mark.parametrize(
    ("settings", "stays"),
    [({"generator": 1, "version": "v1.0-mini"}, False), ({"samples": ["token"]}, True)],
)
def test_only_generated_data_is_deleted(tmp_path, settings, stays):
    data_root, work_dir = tmp_path / "data", tmp_path / "work"
    with staged(data_root, settings) as folder:
        (folder / "file").write_text("kept or not")
    make_work_dir(work_dir)
    forget(argparse.Namespace(data_root=data_root, work_dir=work_dir))
    assert (data_root / "file").exists() == stays
    assert remaining(work_dir) == ["steps/lock"]


@pytest.mark.parametrize("name", ["precious.txt", "folder/precious.txt"])
def test_a_work_dir_that_is_no_demos_is_refused(tmp_path, name):
    data_root, work_dir = tmp_path / "data", tmp_path / "work"
    with staged(data_root, {"generator": 1}):
        pass
    (work_dir / name).parent.mkdir(parents=True)
    (work_dir / name).write_text("mine")
    with pytest.raises(SystemExit, match="was not made by a demo"):
        forget(argparse.Namespace(data_root=data_root, work_dir=work_dir))
    assert remaining(work_dir) == [name]
    assert data_root.exists()


def test_a_running_demo_is_waited_for(repo_dir, tmp_path):
    """The lock is taken before anything is deleted."""
    work_dir = tmp_path / "work"
    make_work_dir(work_dir)
    script = (
        "import argparse, pathlib; from epropnp_tools.restart import forget; "
        f"forget(argparse.Namespace(data_root=pathlib.Path('absent'), "
        f"work_dir=pathlib.Path({str(work_dir)!r})))"
    )
    with locked(work_dir / "steps/lock"):
        command = [sys.executable, "-c", script]
        other = subprocess.Popen(command, cwd=repo_dir / "tools", stdout=subprocess.PIPE, text=True)
        assert "another process holds" in other.stdout.readline()
        assert (work_dir / "train/iter_1.pth").is_file()
    other.communicate()
    assert other.returncode == 0
    assert remaining(work_dir) == ["steps/lock"]


def make_work_dir(work_dir):
    """As a demo leaves it."""
    for name in ("steps/lock", "steps/train.json", "train/iter_1.pth", "log.txt"):
        (work_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (work_dir / name).write_text("{}")


def remaining(folder):
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def test_a_folder_of_other_origin_is_left_alone(tmp_path):
    data_root = tmp_path / "data"
    data_root.mkdir()
    (data_root / "file").write_text("not ours")
    forget(argparse.Namespace(data_root=data_root, work_dir=tmp_path / "absent"))
    assert (data_root / "file").exists()


@pytest.mark.parametrize("generated", [False, True])
def test_only_generated_bop_data_is_deleted(tmp_path, generated):
    data_root, work_dir = tmp_path / "data", tmp_path / "work"
    if generated:
        make_bop(data_root, ("bird",), num_train=1, num_test=0)
    else:
        data_root.mkdir()
        (data_root / "models").write_text("not ours")
    make_work_dir(work_dir)
    demo_6dof.forget(argparse.Namespace(data_root=data_root, work_dir=work_dir))
    assert data_root.exists() != generated
    assert remaining(work_dir) == ["steps/lock"]
