"""Tables of the real samples agree with the ground truth they were made from."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from nuscenes.eval.common.loaders import load_gt
from nuscenes.eval.detection.data_classes import DetectionBox
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.data_classes import LidarPointCloud
from pyquaternion import Quaternion

from epropnp_data.nuscenes.real_samples import UNMAPPED_CATEGORY, write_real_samples


@pytest.fixture(scope="module")
def source(reference_dir):
    return reference_dir / "real" / "nuscenes" / "ground_truth.json"


@pytest.fixture(scope="module")
def truth(source):
    return json.loads(source.read_text())["samples"]


@pytest.fixture(scope="module")
def nusc(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("real") / "set"
    assert write_real_samples(source, out)
    assert not write_real_samples(source, out)  # the second call reuses it
    return NuScenes("v1.0-mini", str(out), verbose=False)


def test_boxes_in_camera_frames_agree_with_the_source(nusc, truth):
    for token, sample in truth.items():
        record = nusc.get("sample", token)
        for channel, camera in sample["cams"].items():
            _, boxes, intrinsic = nusc.get_sample_data(record["data"][channel])
            np.testing.assert_allclose(intrinsic, camera["K"])
            centers = sorted(tuple(np.round(box.center, 3)) for box in boxes)
            wanted = sorted(tuple(np.round(a["center_cam"], 3)) for a in camera["annotations"])
            np.testing.assert_allclose(centers, wanted, atol=5e-3)


def test_velocities_and_attributes_survive(nusc, truth):
    unknown = 0
    for token, sample in truth.items():
        for ann, box in zip(nusc.get("sample", token)["anns"], sample["boxes"], strict=True):
            record = nusc.get("sample_annotation", ann)
            names = [nusc.get("attribute", t)["name"] for t in record["attribute_tokens"]]
            assert names == ([box["attribute"]] if box["attribute"] else [])
            assert record["visibility_token"] == ""
            velocity = nusc.box_velocity(ann)[:2]
            if box["velocity"] is None:
                assert np.isnan(velocity).all()
                unknown += 1
            else:
                np.testing.assert_allclose(velocity, box["velocity"], atol=2e-3)
            turn = Quaternion(record["rotation"]) * Quaternion(box["rotation"]).inverse
            assert abs(turn.degrees) < 1e-6
    assert unknown == 2


def test_one_box_is_of_no_detection_class(nusc):
    names = [record["category_name"] for record in nusc.sample_annotation]
    assert names.count(UNMAPPED_CATEGORY) == 4  # in two scenes, twice each


def test_both_splits_hold_the_same_images(nusc):
    for split in ("mini_train", "mini_val"):
        assert len(load_gt(nusc, split, DetectionBox).sample_tokens) == 4
    files = [record["filename"] for record in nusc.sample_data if record["channel"] == "CAM_FRONT"]
    assert len(files) == 8
    assert len(set(files)) == 2


def test_missing_sweep_becomes_an_empty_cloud(nusc, truth):
    sizes = []
    for token in truth:
        path, _, _ = nusc.get_sample_data(nusc.get("sample", token)["data"]["LIDAR_TOP"])
        sizes.append(LidarPointCloud.from_file(path).nbr_points())
    assert sorted(sizes)[0] == 0
    assert sorted(sizes)[1] > 30_000


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.json"):
        write_real_samples(tmp_path / "nowhere.json", tmp_path / "out")


@pytest.fixture
def copied(source, tmp_path):
    """A copy of the source to change: (JSON file, its content)."""
    folder = tmp_path / "source"
    shutil.copytree(source.parent, folder)
    path = folder / source.name
    path.chmod(0o644)
    return path, json.loads(path.read_text())


@pytest.mark.parametrize("field", ["file", "path"])
def test_files_elsewhere_are_refused(copied, tmp_path, field):
    path, content = copied
    camera = next(iter(content["samples"].values()))["cams"]["CAM_FRONT"]
    camera[field] = "../../" + camera[field]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="leads out of"):
        write_real_samples(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_image_sizes_are_those_of_the_files(copied, tmp_path):
    path, content = copied
    camera = next(iter(content["samples"].values()))["cams"]["CAM_BACK"]
    image = path.parent / camera["path"]
    image.unlink()
    cv2.imwrite(str(image), np.zeros((300, 400, 3), np.uint8))
    write_real_samples(path, tmp_path / "out")
    records = json.loads((tmp_path / "out/v1.0-mini/sample_data.json").read_text())
    sizes = {Path(r["filename"]).name: (r["width"], r["height"]) for r in records if r["width"]}
    assert sizes.pop(camera["file"]) == (400, 300)
    assert set(sizes.values()) == {(1600, 900)}


def test_changed_ground_truth_is_no_reason_to_reuse(copied, tmp_path):
    path, content = copied
    write_real_samples(path, tmp_path / "out")
    next(iter(content["samples"].values()))["boxes"].pop()
    path.write_text(json.dumps(content))
    with pytest.raises(FileExistsError, match="made with other settings"):
        write_real_samples(path, tmp_path / "out")
