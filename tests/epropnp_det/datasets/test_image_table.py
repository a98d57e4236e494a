"""The table of an info file says what the file says, and is passed over when it does not."""

import pickle

import numpy as np
import pytest
from mmdet3d.registry import DATASETS

from epropnp_det.datasets import image_table
from epropnp_det.datasets.camera_annotations import load_side_file, side_file_of
from epropnp_det.datasets.camera_poses import camera_pose
from epropnp_det.datasets.image_table import load_image_table, table_file_of, write_image_table
from nuscenes_data import copy_of

INFO = "nuscenes_infos_train.pkl"


@pytest.fixture
def only_tables(monkeypatch):
    """Reading info files is forbidden."""
    monkeypatch.setattr(image_table, "_parse", None)


@pytest.fixture
def root(nuscenes_root, tmp_path):
    return copy_of(nuscenes_root, tmp_path / "data")


def build(root, **options):
    config = dict(type="NuScenesMonoDataset", data_root=str(root), ann_file=INFO, pipeline=[])
    return DATASETS.build(config | options)


def items(dataset):
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def test_the_table_holds_what_the_info_file_holds(nuscenes_root, only_tables):
    table = load_image_table(nuscenes_root / INFO, nuscenes_root)
    side = load_side_file(side_file_of(nuscenes_root / INFO), nuscenes_root)
    frames = pickle.loads((nuscenes_root / INFO).read_bytes())["data_list"]
    assert table.keyframes.tolist() == [frame["token"].encode() for frame in frames]
    images = [(frame, name) for frame in frames for name in frame["images"]]
    assert len(table) == len(images) == 12
    for row, (frame, name) in enumerate(images):
        image, pose = frame["images"][name], camera_pose(frame, name)
        assert table.text("cam_name")[row] == name
        assert table.text("img_path")[row] == image["img_path"]
        np.testing.assert_array_equal(table.columns["cam2img"][row], image["cam2img"])
        np.testing.assert_array_equal(table.pose(row).ego_to_global, pose.ego_to_global)
        objects = side[image["sample_data_token"]]
        for field, value in vars(table.objects_of(row)).items():
            np.testing.assert_array_equal(value, getattr(objects, field), strict=True)


@pytest.mark.parametrize("options", [{}, dict(test_mode=True), dict(metainfo={"classes": ["car"]})])
def test_items_are_the_same_with_and_without_a_table(root, options):
    with_table = items(build(root, **options))
    table_file_of(root / INFO).unlink()
    assert pickle.dumps(items(build(root, **options))) == pickle.dumps(with_table)
    few = items(build(root, indices=[3, 1], **options))
    assert [item["name"] for item in few] == [with_table[3]["name"], with_table[1]["name"]]
    first = items(build(root, indices=2, **options))
    assert [item["name"] for item in first] == [item["name"] for item in with_table[:2]]


def test_changes_of_an_item_do_not_reach_the_next(root):
    dataset = build(root)
    dataset.get_data_info(0)["annotations"].centers[:] = 0
    dataset.get_data_info(0)["cam2ego"][:] = 0
    assert (dataset.get_data_info(0)["annotations"].centers != 0).any()
    assert (dataset.get_data_info(0)["cam2ego"] != 0).any()


@pytest.mark.parametrize("file", [INFO, side_file_of(INFO).name])
def test_a_table_of_other_files_is_passed_over(root, file, only_tables):
    path = root / file
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    with pytest.raises(TypeError, match="not callable"):  # it would be read again
        build(root)


def test_a_damaged_table_is_passed_over_and_written_anew(root):
    path = table_file_of(root / INFO)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert len(build(root)) > 0
    assert write_image_table(root / INFO, root)
    assert not write_image_table(root / INFO, root)
    assert path.stat().st_size == len(whole)
