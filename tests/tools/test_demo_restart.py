"""``--restart`` of the demos deletes what they made, and nothing else."""

import argparse

import pytest

import demo_6dof
from demo import forget
from epropnp_data.staging import staged
from synthetic_bop import make_bop


@pytest.mark.parametrize(
    ("settings", "stays"),
    [({"generator": 1, "version": "v1.0-mini"}, False), ({"samples": ["token"]}, True)],
)
def test_only_generated_data_is_deleted(tmp_path, settings, stays):
    data_root, work_dir = tmp_path / "data", tmp_path / "work"
    with staged(data_root, settings) as folder:
        (folder / "file").write_text("kept or not")
    work_dir.mkdir()
    forget(argparse.Namespace(data_root=data_root, work_dir=work_dir))
    assert (data_root / "file").exists() == stays
    assert not work_dir.exists()


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
    work_dir.mkdir()
    demo_6dof.forget(argparse.Namespace(data_root=data_root, work_dir=work_dir))
    assert data_root.exists() != generated
    assert not work_dir.exists()
