"""The results file and its check."""

import copy
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from nuscenes.eval.common.loaders import load_prediction
from nuscenes.eval.detection.data_classes import DetectionBox
from pyquaternion import Quaternion

from epropnp_det.evaluation.boxes import GlobalBoxes
from epropnp_det.evaluation.submission import from_records, to_records, write_submission
from epropnp_det.evaluation.submission_check import check_submission
from nuscenes_data import VERSION, load_tables

META = {
    "use_camera": True,
    "use_lidar": False,
    "use_radar": False,
    "use_map": False,
    "use_external": False,
}


def make_boxes(count=5, seed=0):
    rng = np.random.default_rng(seed)
    rotations = [Quaternion(q).normalised.rotation_matrix for q in rng.normal(size=(count, 4))]
    return GlobalBoxes(
        centers=rng.normal(1000, 30, (count, 3)),
        sizes_wlh=rng.uniform([1, 3, 1], [2, 4, 2], (count, 3)),
        rotations=np.array(rotations).reshape(-1, 3, 3),
        velocities=rng.normal(size=(count, 2)),
        scores=rng.uniform(size=count),
        labels=np.array([0, 7, 9, 5, 0])[:count],
        attr_labels=np.array([6, 3, 8, 1, 5])[:count],
    )


def valid_content():
    return {"meta": dict(META), "results": {"a": to_records("a", make_boxes()), "b": []}}


def test_devkit_loads_what_is_written(tmp_path):
    boxes = make_boxes()
    path = write_submission(tmp_path / "deep" / "results.json", {"a": boxes, "b": boxes.empty()})
    content = json.loads(path.read_text())
    assert content["meta"] == META
    assert content["results"]["b"] == []
    assert [entry.name for entry in path.parent.iterdir()] == ["results.json"]
    loaded, _ = load_prediction(str(path), 500, DetectionBox)
    assert len(loaded["a"]) == 5
    assert loaded["a"][2].attribute_name == ""
    back = from_records(content["results"]["a"])
    for mine, theirs in zip(boxes, back, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-9)
    assert len(from_records([]).labels) == 0


def test_external_data_is_declared(tmp_path):
    path = write_submission(tmp_path / "r.json", {"a": make_boxes()}, use_external=True)
    assert json.loads(path.read_text())["meta"]["use_external"] is True


def test_nothing_is_left_when_writing_fails(tmp_path):
    boxes = make_boxes()._replace(scores=np.full(5, math.nan))
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_submission(tmp_path / "r.json", {"a": boxes})
    assert list(tmp_path.iterdir()) == []


def test_a_valid_file_has_no_violation():
    assert check_submission(valid_content(), ["a", "b"]) == []


def set_field(field, value):
    def change(content):
        content["results"]["a"][1][field] = value

    return change


def drop(*path):
    def change(content):
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return change


def swap_sizes(content):
    for record in content["results"]["a"]:
        record["size"] = [record["size"][i] for i in (1, 0, 2)]


def repeat_boxes(content):
    content["results"]["b"] = [{**content["results"]["a"][0], "sample_token": "b"}] * 501


CASES = [
    (drop("results", "b"), "missing sample", True),
    (lambda c: c["results"].update(c=[]), "unknown sample", True),
    (repeat_boxes, "too many boxes", True),
    (set_field("translation", [1.0, math.nan, 0.0]), "translation not finite", True),
    (set_field("translation", [1.0, 2.0]), "translation", True),
    (set_field("size", [1.0, 0.0, 2.0]), "size", True),
    (set_field("size", ["1", 2, 3]), "size", True),
    (set_field("rotation", [1.0, 1.0, 0.0, 0.0]), "rotation norm", False),
    (set_field("rotation", [math.nan, 0.0, 0.0, 0.0]), "rotation not finite", True),
    (set_field("velocity", [math.nan, 0.0]), "velocity not finite", False),
    (set_field("velocity", [0.0, 0.0, 0.0]), "velocity", True),
    (set_field("detection_score", math.nan), "score not finite", True),
    (set_field("detection_score", "high"), "score", True),
    (set_field("detection_score", None), "score", True),
    (set_field("detection_score", "0.5"), "score", False),
    (set_field("detection_score", True), "score", False),
    (drop("results", "a", 0, "detection_score"), "score", False),
    (set_field("detection_score", math.inf), "score not finite", False),
    (set_field("translation", [1.0, math.inf, 0.0]), "translation not finite", False),
    (drop("results", "a", 0, "sample_token"), "sample token", True),
    (set_field("detection_name", "animal"), "class", True),
    (set_field("attribute_name", "None"), "attribute", True),
    (set_field("attribute_name", "vehicle.moving"), "attribute of another class", False),
    (set_field("attribute_name", ""), "attribute of another class", False),
    (set_field("sample_token", "b"), "sample token", False),
    (drop("results", "a", 0, "size"), "size", True),
    (drop("meta"), "meta", True),
    (drop("meta", "use_map"), "meta", False),
    (lambda c: c.update(meta={"use_camera": True, "use_lidar": False}), "meta", False),
    (lambda c: c["meta"].update(use_camera=False), "meta", False),
    (swap_sizes, "size order", False),
    (lambda c: c["results"].update(a=[], b=[]), "no boxes", True),
    (lambda c: c["results"].update(b={}), "format", True),
    (lambda c: c["results"]["a"].append(None), "format", True),
]


@pytest.mark.parametrize(("change", "kind", "is_error"), CASES, ids=range(len(CASES)))
def test_each_violation_is_found_alone(change, kind, is_error):
    content = valid_content()
    change(content)
    found = check_submission(content, ["a", "b"])
    assert {(item.kind, item.is_error) for item in found} == {(kind, is_error)}


# refused by the rest of the evaluation: samples of the split, sizes of matched boxes
AFTER_LOADING = {"missing sample", "unknown sample", "no boxes"}


@pytest.mark.parametrize(("change", "kind", "is_error"), CASES, ids=range(len(CASES)))
def test_errors_are_what_the_devkit_refuses(tmp_path, change, kind, is_error):
    content = valid_content()
    change(content)
    positive = all(min(box["size"]) > 0 for box in content["results"]["a"] if well_formed(box))
    if kind in AFTER_LOADING or not positive or content["results"]["b"] == {}:
        pytest.skip("refused later than by the loader")
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))
    if is_error:
        with pytest.raises((AssertionError, KeyError, TypeError, ValueError)):
            load_prediction(str(path), 500, DetectionBox)
    else:
        load_prediction(str(path), 500, DetectionBox)


def well_formed(box):
    return box is not None and all(isinstance(value, float) for value in box.get("size", [None]))


def test_all_violations_are_listed():
    content = valid_content()
    for change, _, _ in CASES[3:10]:
        for index in range(5):
            scratch = copy.deepcopy(content)
            change(scratch)
            content["results"]["a"][index] |= {
                key: value
                for key, value in scratch["results"]["a"][1].items()
                if key not in ("sample_token", "detection_name", "attribute_name")
            }
    found = check_submission(content, ["a", "b"])
    assert len(found) >= 5 * 4
    assert {item.place for item in found} >= {f"results['a'][{index}]" for index in range(5)}


@pytest.mark.parametrize("content", [[], {}, {"results": []}, None])
def test_files_of_another_kind(content):
    assert [item.kind for item in check_submission(content, ["a"])] == ["format"]


@pytest.mark.slow
def test_command_line(nuscenes_root, tmp_path, repo_dir):
    scene = load_tables(nuscenes_root).scene
    names = {entry["name"]: entry for entry in scene}
    token = names["scene-0103"]["first_sample_token"]
    path = write_submission(tmp_path / "results.json", {token: make_boxes()})
    command = [sys.executable, "tools/check_submission.py", str(path), "--dataroot"]
    done = subprocess.run(
        [*command, str(nuscenes_root), "--version", VERSION],
        cwd=repo_dir,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "error: missing sample (1)" in done.stdout
    assert "1 errors, 0 warnings (mini_val)" in done.stdout
