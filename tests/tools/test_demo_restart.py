"""``demo.py --restart`` deletes what the demo made, and nothing else."""

import argparse

import pytest

from demo import forget
from epropnp_synth.staging import staged


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
