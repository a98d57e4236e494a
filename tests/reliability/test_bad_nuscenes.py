"""Bad nuScenes data: info files, side files, tables, lidar; what is said, what is passed over."""

import json
import pickle
import re

import cv2
import numpy as np
import pytest
from mmdet3d.registry import DATASETS
from mmengine.registry import init_default_scope

from epropnp_data.errors import DatasetError
from epropnp_det.datasets.camera_annotations import load_side_file, side_file_of
from epropnp_det.datasets.preparation import prepare_nuscenes
from epropnp_det.evaluation.frames import FrameTable
from epropnp_mm.skipping import passed_over
from nuscenes_data import VERSION, copy_of, nuscenes_root  # noqa: F401

LOAD = [{"type": "LoadMonoImage"}, {"type": "LoadMonoAnnotations"}, {"type": "LoadMonoLidar"}]
PACK = {"type": "PackMonoInputs"}
INFO = "nuscenes_infos_train.pkl"


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope("mmdet3d")


@pytest.fixture
def root(nuscenes_root, tmp_path):  # noqa: F811
    return copy_of(nuscenes_root, tmp_path / "data")


def build(root, train=True):
    return DATASETS.build(
        {
            "type": "NuScenesMonoDataset",
            "data_root": str(root),
            "ann_file": INFO,
            "pipeline": [*LOAD, PACK] if train else [LOAD[0], PACK],
            "test_mode": not train,
        }
    )


def change_info(root, change):
    path = root / INFO
    content = pickle.loads(path.read_bytes())
    change(content["data_list"][0])
    path.write_bytes(pickle.dumps(content))


def first(info):
    return info["images"]["CAM_FRONT"]


def field(name, value):
    """Change of a field of the front camera's entry."""
    return lambda info: first(info).__setitem__(name, value)


SCALED = (np.diag([2.0, 2, 2, 1])).tolist()
INFO_KINDS = {
    "intrinsics NaN": (field("cam2img", np.full((3, 3), np.nan)), "cam2img is no 3x3 matrix of f"),
    "intrinsics singular": (field("cam2img", np.zeros((3, 3))), "cam2img needs positive focal"),
    "intrinsics of 2 rows": (field("cam2img", np.eye(3)[:2]), "cam2img is no 3x3 matrix"),
    "intrinsics as text": (field("cam2img", "K"), "could not convert"),
    "lidar to camera NaN": (field("lidar2cam", np.full((4, 4), np.nan)), "lidar2cam is no 4x4"),
    "camera pose scaled": (field("cam2ego", SCALED), "cam2ego holds no rotation"),
    "camera pose mirrored": (field("cam2ego", np.diag([-1.0, 1, 1, 1])), "cam2ego holds no rot"),
    "no ego pose": (lambda info: info.pop("ego2global"), "lacks the field 'ego2global'"),
    "no camera pose": (lambda info: first(info).pop("cam2ego"), "lacks the field 'cam2ego'"),
    "no images": (lambda info: info.pop("images"), "lacks the field 'images'"),
    "unknown camera": (
        lambda info: info["images"].update(CAM_TOP=first(info)),
        "unknown camera 'CAM_TOP'",
    ),
}
PATHS = ("../../secret.jpg", "/etc/passwd", "..\\secret.jpg", "")


@pytest.mark.parametrize("kind", INFO_KINDS)
def test_info_entries(root, kind):
    change, message = INFO_KINDS[kind]
    change_info(root, change)
    pattern = rf"{INFO}: keyframe \w+: {message}.*create_data"
    with pytest.raises(DatasetError, match=pattern):
        build(root)


def test_the_evaluator_says_the_same(root):
    change_info(root, INFO_KINDS["camera pose scaled"][0])
    with pytest.raises(DatasetError, match=rf"{INFO}: keyframe \w+: cam2ego holds no rotation"):
        FrameTable(root / INFO, root)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("sensor", ["camera", "lidar"])
def test_paths_that_leave_the_data_root(root, path, sensor):
    def change(info):
        if sensor == "camera":
            first(info)["img_path"] = path
        else:
            info["lidar_points"]["lidar_path"] = path

    change_info(root, change)
    with pytest.raises(DatasetError, match=rf"{INFO}: names the file .* does not lie in its"):
        build(root)


class Evil:
    def __reduce__(self):
        return (open, ("evil-was-here", "w"))


@pytest.mark.parametrize("name", [INFO, side_file_of(INFO).name])
def test_files_that_would_run_code(root, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (root / name).write_bytes(pickle.dumps({"metainfo": {}, "data_list": Evil()}))
    with pytest.raises(DatasetError, match=rf"{name}: not a pickle file of plain data .it would"):
        build(root)
    assert not (tmp_path / "evil-was-here").exists()


def change_side(root, name, value):
    """Change of one field of an image with objects; ``value`` takes its rows."""
    path = side_file_of(root / INFO)
    with path.open("rb") as file:
        header, cameras = pickle.load(file), pickle.load(file)
    item = next(item for item in cameras.values() if len(item["labels"]))
    item[name] = value(item[name])
    path.write_bytes(pickle.dumps(header) + pickle.dumps(cameras))
    return path


def first_row(number):
    return lambda rows: np.concatenate([np.full_like(rows[:1], number), rows[1:]])


SIDE_KINDS = {
    "quaternion zero": ("rotations", first_row(0), "expected a quaternion of norm 1"),
    "quaternion NaN": ("rotations", first_row(np.nan), "expected a quaternion of norm 1"),
    "size zero": ("dims", first_row(0), "expected sides above zero"),
    "size negative": ("dims", first_row(-1), "expected sides above zero"),
    "centre NaN": ("centers", first_row(np.nan), "expected finite numbers"),
    "yaw infinite": ("yaws", first_row(np.inf), "expected a finite number"),
    "velocity infinite": ("velocities", first_row(np.inf), "expected finite numbers, or NaN"),
    "2D box reversed": ("bboxes", lambda rows: rows[:, [2, 3, 0, 1]], "expected x1 <= x2"),
    "class 11": ("labels", first_row(11), "expected a class of the detection task"),
    "class -1": ("labels", first_row(-1), "expected a class of the detection task"),
    "attribute 9": ("attr_labels", first_row(9), "expected an attribute of the detection task"),
    "rows missing": ("centers", lambda rows: rows[1:], "centers has the shape"),
    "columns missing": ("bboxes", lambda rows: rows[:, :2], "bboxes has the shape"),
    "image size": ("size_wh", lambda rows: rows * 0, "expected two lengths"),
}


@pytest.mark.parametrize("kind", SIDE_KINDS)
def test_annotations_that_no_object_can_have(root, kind):
    name, value, message = SIDE_KINDS[kind]
    path = change_side(root, name, value)
    with pytest.raises(DatasetError, match=rf"_mono\.pkl: image \w+: .*{message}.*create_data"):
        load_side_file(path, root)


def test_side_file_of_other_fields(root):
    path = side_file_of(root / INFO)
    with path.open("rb") as file:
        header, cameras = pickle.load(file), pickle.load(file)
    next(iter(cameras.values())).pop("yaws")
    path.write_bytes(pickle.dumps(header) + pickle.dumps(cameras))
    with pytest.raises(DatasetError, match=r"_mono\.pkl: .*yaws"):
        load_side_file(path, root)


def own_image(root, dataset, data):
    """Replace the first image by other bytes, in a data root whose images are links."""
    path = root / "own.jpg"
    path.write_bytes(data)
    info = dataset.get_data_info(0)
    info["img_path"] = str(path)
    dataset.get_data_info = lambda index, known=dataset.get_data_info: (
        dict(info) if index == 0 else known(index)
    )


def jpeg(height, width):
    return cv2.imencode(".jpg", np.zeros((height, width, 3), np.uint8))[1].tobytes()


PASSED_OVER = {  # train or test, contents, reason
    "empty": (True, b"", "the file is empty"),
    "empty in test": (False, b"", "the file is empty"),
    "truncated": (False, jpeg(180, 320)[:200], "the JPEG is truncated"),
    "other size": (True, jpeg(90, 160), "image is 160x90, annotated as 320x180"),
    "turned": (True, jpeg(320, 180), "image is 180x320, annotated as 320x180"),
    "other camera": (False, jpeg(60, 100), "the principal point .* lies outside the 100x60 image"),
}


@pytest.mark.parametrize("kind", PASSED_OVER)
def test_images_that_are_passed_over(root, kind):
    train, data, reason = PASSED_OVER[kind]
    dataset = build(root, train)
    expected = dataset[1]
    own_image(root, dataset, data)
    item = dataset[0]
    ((source, said),) = passed_over({"data_samples": [item["data_samples"]]})
    assert source.endswith("own.jpg")
    assert re.search(reason, said)
    np.testing.assert_array_equal(item["inputs"]["img"], expected["inputs"]["img"])
    assert not passed_over({"data_samples": [dataset[1]["data_samples"]]})


def test_lidar_of_an_odd_length_is_passed_over_and_points_without_place_left_out(root):
    dataset = build(root)
    info = dataset.get_data_info(0)
    points = np.fromfile(info["lidar_path"], np.float32).reshape(-1, 5)
    count = len(dataset[0]["data_samples"].lidar_uvz)
    path = root / "lidar.bin"
    np.concatenate([np.full((3, 5), np.nan, np.float32), points]).tofile(path)
    info["lidar_path"] = str(path)
    dataset.get_data_info = lambda index: dict(info)
    assert len(dataset[0]["data_samples"].lidar_uvz) == count
    path.write_bytes(bytes(26))
    with pytest.raises(DatasetError, match=r"10 samples in a row .*lidar\.bin: 6 numbers are no"):
        dataset[0]


def change_table(root, name, change):
    path = root / VERSION / f"{name}.json"
    records = json.loads(path.read_text())
    change(records)
    path.write_text(json.dumps(records))


def set_field(name, value, index=0):
    return lambda records: records[index].__setitem__(name, value)


TABLE_KINDS = {
    "box of size zero": ("sample_annotation", set_field("size", [0, 1, 1]), "expected three l"),
    "box size NaN": ("sample_annotation", set_field("size", [float("nan"), 1, 1]), "expected th"),
    "rotation zero": ("sample_annotation", set_field("rotation", [0, 0, 0, 0]), "norm 1"),
    "ego pose": ("ego_pose", set_field("rotation", [1, 1, 1, 1]), "norm 1"),
    "ego place": ("ego_pose", set_field("translation", [None, 0, 0]), "three finite numbers"),
    "intrinsics": ("calibrated_sensor", set_field("camera_intrinsic", [[0] * 3] * 3), "focal"),
    "no field": ("ego_pose", lambda records: records[0].pop("rotation"), "rotation is None"),
    "path": ("sample_data", set_field("filename", "../../evil.bin"), "names the file"),
    "absolute path": ("sample_data", set_field("filename", "/evil.bin"), "names the file"),
    "dangling token": ("sample_data", set_field("sample_token", "x"), "do not belong together"),
    "no records": ("ego_pose", list.clear, "ego_pose_token .* is not in ego_pose"),
    "no such instance": (
        "sample_annotation",
        set_field("instance_token", "x"),
        "do not belong together",
    ),
}


@pytest.mark.parametrize("kind", TABLE_KINDS)
def test_tables(root, kind):
    name, change, message = TABLE_KINDS[kind]
    change_table(root, name, change)
    with pytest.raises(DatasetError, match=rf"{VERSION}.*{message}"):
        prepare_nuscenes(root, VERSION, out_dir=root / "out")
    assert not (root / "out").exists() or not list((root / "out").glob("*.pkl"))


@pytest.mark.parametrize("data", [b"", b"[{", b"\xff\xfe", b"{}", b"[1]"])
@pytest.mark.parametrize("name", ["sample_data", "ego_pose"])
def test_damaged_tables(root, name, data):
    (root / VERSION / f"{name}.json").write_bytes(data)
    with pytest.raises(DatasetError, match=rf"{name}\.json: (not a JSON file|no list of records)"):
        prepare_nuscenes(root, VERSION, out_dir=root / "out")


def test_missing_table(root):
    (root / VERSION / "attribute.json").unlink()
    with pytest.raises(DatasetError, match=r"attribute\.json: no such table.*Unpack the metadata"):
        prepare_nuscenes(root, VERSION, out_dir=root / "out")
