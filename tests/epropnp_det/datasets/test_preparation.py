"""Info files from tables: other models keep reading them, runs are idempotent, errors are clear."""

import json
import pickle
import subprocess
import sys
from dataclasses import is_dataclass

import numpy as np
import pytest
from mmdet3d.registry import DATASETS
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.geometry_utils import BoxVisibility

from epropnp_data.errors import DatasetError
from epropnp_data.nuscenes.taxonomy import CAMERAS
from epropnp_data.staging import unfinished
from epropnp_det.datasets.camera_annotations import load_side_file, side_file_of
from epropnp_det.datasets.camera_poses import camera_pose
from epropnp_det.datasets.preparation import prepare_nuscenes, scene_tables
from epropnp_det.datasets.preparation.mmdet3d_converter import link_data
from epropnp_det.datasets.preparation.tables import fingerprint, missing_files
from nuscenes_data import VERSION, copy_of, load_tables


def load(path):
    with path.open("rb") as file:
        return pickle.load(file)


def edit_table(root, name, change):
    path = root / VERSION / f"{name}.json"
    records = json.loads(path.read_text())
    path.write_text(json.dumps(change(records)))


def test_info_files_have_mmdet3ds_format(nuscenes_root):
    nusc = load_tables(nuscenes_root)
    for split, scene in (("train", "mini_train"), ("val", "mini_val")):
        content = load(nuscenes_root / f"nuscenes_infos_{split}.pkl")
        assert content["metainfo"]["version"] == VERSION
        assert content["metainfo"]["info_version"] == "1.1"
        assert len(content["data_list"]) == 2, scene
        for frame in content["data_list"]:
            assert tuple(frame["images"]) == CAMERAS
            assert len(frame["instances"]) == len(nusc.get("sample", frame["token"])["anns"])


def test_boxes_of_the_info_files_are_cut_at_the_image(nuscenes_root):
    """mmdet3d's converter alone cuts at 1600 x 900, whatever the size of the image."""
    content = load(nuscenes_root / "nuscenes_infos_train.pkl")
    boxes = [
        instance["bbox"]
        for frame in content["data_list"]
        for camera in frame["cam_instances"].values()
        for instance in camera
    ]
    assert len(boxes) > 20
    assert np.max(boxes, axis=0)[2] == pytest.approx(320)
    assert (np.array(boxes)[:, 3] <= 180).all()


def test_mmdet3ds_own_dataset_reads_them(nuscenes_root):
    dataset = DATASETS.build(
        {
            "type": "NuScenesDataset",
            "data_root": str(nuscenes_root),
            "ann_file": "nuscenes_infos_train.pkl",
            "data_prefix": {name: f"samples/{name}" for name in CAMERAS},
            "load_type": "mv_image_based",
            "modality": {"use_camera": True, "use_lidar": False},
            "box_type_3d": "Camera",
            "use_valid_flag": True,
            "pipeline": [
                {"type": "LoadImageFromFileMono3D"},
                {
                    "type": "LoadAnnotations3D",
                    "with_bbox": True,
                    "with_label": True,
                    "with_attr_label": True,
                    "with_bbox_3d": True,
                    "with_label_3d": True,
                    "with_bbox_depth": True,
                },
                {"type": "Pack3DDetInputs", "keys": ["img", "gt_bboxes_3d", "gt_labels_3d"]},
            ],
        }
    )
    item = dataset[0]
    assert item["inputs"]["img"].shape == (3, 180, 320)
    assert len(item["data_samples"].gt_instances_3d.labels_3d) > 0


def test_camera_poses_follow_from_the_info_file(nuscenes_root):
    """The camera's own ego pose is not stored; it comes out of the motion-compensated lidar2cam."""
    nusc = load_tables(nuscenes_root)
    for frame in load(nuscenes_root / "nuscenes_infos_val.pkl")["data_list"]:
        for name, image in frame["images"].items():
            record = nusc.get("sample_data", image["sample_data_token"])
            expected = nusc.get("ego_pose", record["ego_pose_token"])
            pose = camera_pose(frame, name)
            np.testing.assert_allclose(
                pose.ego_to_global[:3, 3], expected["translation"], atol=2e-4
            )
            rotation = pose.ego_to_global[:3, :3]
            np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)


def test_side_file_lists_velocity_attribute_and_visibility(nuscenes_root):
    nusc = load_tables(nuscenes_root)
    side = load_side_file(side_file_of(nuscenes_root / "nuscenes_infos_train.pkl"), nuscenes_root)
    assert len(side) == 12
    values = {key: [] for key in ("attr_labels", "visibility", "velocities", "truncation")}
    for token, item in side.items():
        _, boxes, _ = nusc.get_sample_data(token, BoxVisibility.NONE)
        image = nusc.get("sample_data", token)
        cam = nusc.get("calibrated_sensor", image["calibrated_sensor_token"])
        ego = nusc.get("ego_pose", image["ego_pose_token"])
        for row, center in enumerate(item.centers):
            box = min(boxes, key=lambda candidate: np.linalg.norm(candidate.center - center))
            record = nusc.get("sample_annotation", box.token)
            assert item.visibility[row] == int(record["visibility_token"])
            velocity = nusc.box_velocity(box.token)
            velocity[2] = 0
            for pose in (ego, cam):
                velocity = _inverse_rotation(pose["rotation"]) @ velocity
            np.testing.assert_allclose(item.velocities[row], velocity[[0, 2]], atol=1e-4)
        for key, rows in values.items():
            rows.append(getattr(item, key))
    assert len(np.unique(np.concatenate(values["visibility"]))) > 1
    assert len(np.unique(np.concatenate(values["attr_labels"]))) > 3
    assert np.nanmax(np.abs(np.concatenate(values["velocities"]))) > 1
    assert 0 < np.concatenate(values["truncation"]).max() < 1


def _inverse_rotation(quaternion):
    w, x, y, z = quaternion
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    return rotation.T


def test_second_run_sees_that_all_is_there(nuscenes_root, capsys):
    files = [nuscenes_root / f"nuscenes_infos_{split}.pkl" for split in ("train", "val")]
    before = [path.stat().st_mtime_ns for path in files]
    assert prepare_nuscenes(nuscenes_root, VERSION) == files
    assert "already there" in capsys.readouterr().out
    assert [path.stat().st_mtime_ns for path in files] == before


@pytest.mark.slow
def test_any_number_of_processes_writes_the_same(nuscenes_root, tmp_path, monkeypatch):
    """Two scenes of one split: at once in this process, and in one process each."""
    root = copy_of(nuscenes_root, tmp_path / "data")
    names = iter(("scene-0553", "scene-0061"))
    edit_table(root, "scene", lambda rows: [{**row, "name": next(names)} for row in rows])
    expected = prepare_nuscenes(root, VERSION, out_dir=tmp_path / "one")
    monkeypatch.setattr(scene_tables, "KEYFRAMES_PER_SHARD", 1)
    files = prepare_nuscenes(root, VERSION, out_dir=tmp_path / "two", workers=2)
    assert len(load(files[0])["data_list"]) == 4
    for path, other in zip(files, expected, strict=True):
        assert_same(load(path), load(other))
        sides = [load_side_file(side_file_of(file), root) for file in (path, other)]
        assert_same(*sides)


def assert_same(value, expected):
    """Equal to the last bit, with the same order of keys."""
    assert type(value) is type(expected)
    if is_dataclass(expected):
        value, expected = vars(value), vars(expected)
    if isinstance(expected, dict):
        assert list(value) == list(expected)
        value, expected = list(value.values()), list(expected.values())
    if isinstance(expected, list | tuple):
        for one, other in zip(value, expected, strict=True):
            assert_same(one, other)
    else:
        np.testing.assert_array_equal(value, expected)


def test_a_shard_holds_its_scenes_and_all_shards_hold_all(nuscenes_root, monkeypatch):
    monkeypatch.setattr(scene_tables, "KEYFRAMES_PER_SHARD", 1)
    nusc = NuScenes(version=VERSION, dataroot=str(nuscenes_root), verbose=False)
    parts = [scene_tables.SceneTables(nusc, s) for s in scene_tables.scene_shards(nusc)]
    assert len(parts) == len(nusc.scene) > 1
    tokens = [sample["token"] for part in parts for sample in part.sample]
    assert sorted(tokens) == sorted(sample["token"] for sample in nusc.sample)
    for part in parts:
        assert {sample["scene_token"] for sample in part.sample} == {part.scene[0]["token"]}
        assert part.get("sample", tokens[-1])["token"] == tokens[-1]  # all tables, by token


def test_changed_tables_empty_split_missing_lidar_and_unannotated_images(nuscenes_root, tmp_path):
    """One conversion that meets all of it: no train scene, no lidar file, an object-free frame."""
    root = copy_of(nuscenes_root, tmp_path / "data")
    edit_table(root, "scene", lambda rows: [{**row, "name": "scene-0103"} for row in rows])
    (root / "samples").unlink()
    (root / "samples").mkdir()
    for folder in (nuscenes_root / "samples").iterdir():
        if folder.name != "LIDAR_TOP":
            (root / "samples" / folder.name).symlink_to(folder)
    first = fingerprint(nuscenes_root, VERSION)
    assert fingerprint(root, VERSION) != first
    out_dir = tmp_path / "infos"
    files = prepare_nuscenes(root, VERSION, out_dir=out_dir, tag="tiny")
    assert [path.name for path in files] == ["tiny_infos_train.pkl", "tiny_infos_val.pkl"]
    assert load(files[0])["data_list"] == []
    assert len(load(files[1])["data_list"]) == 4
    assert len(load_side_file(side_file_of(files[1]), root)) == 24
    assert sorted(path.name for path in out_dir.iterdir()) == [
        "tiny_infos_train.pkl",
        "tiny_infos_train_mono.pkl",
        "tiny_infos_val.pkl",
        "tiny_infos_val_images.npz",
        "tiny_infos_val_mono.pkl",
    ]
    assert not (root / "samples" / "LIDAR_TOP").exists()


def test_a_killed_conversion_leaves_nothing_for_the_next_one(nuscenes_root, tmp_path):
    root = copy_of(nuscenes_root, tmp_path / "data")
    expected = {path.name: path.read_bytes() for path in root.glob("*.pkl")}
    for name in expected:
        (root / name).unlink()
    left = root / ".nuscenes.partial"
    (left / "data").mkdir(parents=True)
    (left / "half.pkl").write_bytes(b"half")
    with unfinished(root / ".nuscenes"), pytest.raises(FileExistsError, match="another process"):
        prepare_nuscenes(root, VERSION)
    prepare_nuscenes(root, VERSION)
    assert {path.name: path.read_bytes() for path in root.glob("*.pkl")} == expected
    assert not list(root.glob(".*"))


def test_test_version_has_no_annotations(nuscenes_root, tmp_path):
    root = copy_of(nuscenes_root, tmp_path / "data")
    names = iter(("scene-0077", "scene-0078"))
    edit_table(root, "scene", lambda rows: [{**row, "name": next(names)} for row in rows])
    (root / VERSION).rename(root / "v1.0-test")
    for name in ("sample_annotation", "instance"):
        (root / "v1.0-test" / f"{name}.json").write_text("[]")
    (file,) = prepare_nuscenes(root, "v1.0-test", tag="nuscenes")
    assert file.name == "nuscenes_infos_test.pkl"
    assert sum(len(item) for item in load_side_file(side_file_of(file), root).values()) == 0
    dataset = DATASETS.build(
        {
            "type": "NuScenesMonoDataset",
            "data_root": str(root),
            "ann_file": file.name,
            "pipeline": [{"type": "LoadMonoImage"}, {"type": "PackMonoInputs"}],
            "test_mode": True,
        }
    )
    assert len(dataset) == 24
    assert dataset[0]["inputs"]["img"].shape[0] == 3


def test_links_stand_for_the_data_with_placeholders_for_missing_files(tmp_path):
    data = tmp_path / "data"
    for name in ("samples/LIDAR_TOP/a.bin", "samples/CAM_FRONT/a.jpg", "maps/m.png"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(name)
    link_data(data, tmp_path / "view", ["samples/LIDAR_TOP/a.bin", "samples/LIDAR_TOP/b.bin"])
    view = tmp_path / "view"
    assert (view / "samples/LIDAR_TOP/a.bin").read_text() == "samples/LIDAR_TOP/a.bin"
    assert (view / "samples/LIDAR_TOP/b.bin").read_text() == ""
    assert (view / "samples/CAM_FRONT").is_symlink()
    assert (view / "maps").is_symlink()
    assert not (data / "samples/LIDAR_TOP/b.bin").exists()


def test_missing_files_are_found_by_folder(tmp_path):
    (tmp_path / "a").touch()
    names = [tmp_path / "a", tmp_path / "b", tmp_path / "no" / "c"]
    assert missing_files(names) == [str(tmp_path / "b"), str(tmp_path / "no" / "c")]


class TestErrors:
    """Each names the file and the command that mends it, before anything long is started."""

    def test_no_data_root(self, tmp_path):
        with pytest.raises(DatasetError, match=r"none: no such data root.*create_synthetic"):
            prepare_nuscenes(tmp_path / "none", VERSION)

    def test_other_version(self, nuscenes_root):
        pattern = r"v1\.0-trainval are not there \(versions found in .*: v1\.0-mini\)"
        with pytest.raises(DatasetError, match=pattern):
            prepare_nuscenes(nuscenes_root, "v1.0-trainval")

    def test_files_of_another_version_are_not_replaced(self, nuscenes_root, tmp_path):
        root = copy_of(nuscenes_root, tmp_path / "data")
        path = root / "nuscenes_infos_val.pkl"
        content = load(path)
        content["metainfo"]["version"] = "v1.0-trainval"
        path.write_bytes(pickle.dumps(content))
        edit_table(root, "scene", lambda rows: rows[::-1])
        with pytest.raises(DatasetError, match=r"made from v1\.0-trainval.*--overwrite"):
            prepare_nuscenes(root, VERSION)

    def test_missing_image(self, nuscenes_root, tmp_path):
        root = copy_of(nuscenes_root, tmp_path / "data")
        (root / "samples").unlink()
        edit_table(root, "scene", lambda rows: rows[::-1])
        with pytest.raises(DatasetError, match=r"\.jpg: camera image is missing \(24 in all\)"):
            prepare_nuscenes(root, VERSION)

    @pytest.mark.slow
    def test_command_line_says_it_in_one_line(self, repo_dir, tmp_path):
        command = [sys.executable, "tools/create_data.py", "nuscenes", "--root-path"]
        done = subprocess.run(
            [*command, str(tmp_path / "none")], cwd=repo_dir, capture_output=True, text=True
        )
        assert done.returncode == 1
        assert done.stderr.startswith("create_data: ")
        assert len(done.stderr.strip().splitlines()) == 1
