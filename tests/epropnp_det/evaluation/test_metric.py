"""The metric on the tiny synthetic nuScenes: ground truth submitted as predictions, and rules."""

import json
import math
import pickle

import numpy as np
import pytest
import torch
from mmdet3d.registry import METRICS
from mmdet3d.structures import CameraInstance3DBoxes

from epropnp_data.errors import DatasetError
from epropnp_det.evaluation import evaluate_results_file, format_table
from nuscenes_data import VERSION, copy_of, load_tables, truth_as_predictions

ERRORS = ("mATE", "mASE", "mAOE", "mAVE", "mAAE")


def build(root, split="val", **options):
    config = {
        "type": "NuScenesMono3DMetric",
        "data_root": str(root),
        "ann_file": str(root / f"nuscenes_infos_{split}.pkl"),
        **options,
    }
    return METRICS.build(config)


def truth_of(root, metric):
    nusc = load_tables(root)
    tokens = metric.frames.sample_tokens
    return [s for token in tokens for s in truth_as_predictions(nusc, nusc.get("sample", token))]


def empty_prediction(token, cam_name):
    boxes = CameraInstance3DBoxes(torch.zeros(0, 9), box_dim=9)
    fields = {"bboxes_3d": boxes, "scores_3d": torch.zeros(0), "labels_3d": torch.zeros(0).long()}
    return {"sample_token": token, "cam_name": cam_name, "pred_instances_3d": fields}


@pytest.fixture(scope="module")
def truth(nuscenes_root):
    return truth_of(nuscenes_root, build(nuscenes_root))


@pytest.fixture(scope="module")
def perfect(nuscenes_root, truth, tmp_path_factory):
    """Scores and folder of the ground truth submitted as predictions."""
    out_dir = tmp_path_factory.mktemp("perfect")
    metric = build(nuscenes_root, out_dir=str(out_dir))
    for start in range(0, len(truth), 5):  # batches that ignore keyframes
        metric.process(None, truth[start : start + 5])
    return metric.evaluate(len(truth)), out_dir


def test_ground_truth_scores_perfectly(perfect):
    scores, _ = perfect
    assert scores["NuScenes/present/mAP"] == pytest.approx(1.0, abs=1e-9)
    for name in ERRORS:
        assert scores[f"NuScenes/present/{name}"] == pytest.approx(0.0, abs=2e-3), name
    assert scores["NuScenes/classes_present"] == 10
    assert scores["NuScenes/NDS"] == pytest.approx(1.0, abs=1e-3)
    assert math.isnan(scores["NuScenes/traffic_cone/AOE"])


def test_results_file_holds_every_annotation_once(nuscenes_root, perfect):
    _, out_dir = perfect
    nusc = load_tables(nuscenes_root)
    results = json.loads((out_dir / "results_nusc.json").read_text())["results"]
    assert {path.name for path in out_dir.iterdir()} == {
        "results_nusc.json",
        "metrics_summary.json",
        "metrics_details.json",
    }
    for token, records in results.items():
        boxes = [nusc.get_box(ann) for ann in nusc.get("sample", token)["anns"]]
        for record in records:
            center = np.array(record["translation"])
            box = min(boxes, key=lambda candidate: np.linalg.norm(candidate.center - center))
            np.testing.assert_allclose(center, box.center, atol=1e-3)
            np.testing.assert_allclose(record["size"], box.wlh, rtol=1e-5)
            assert abs(np.dot(record["rotation"], box.orientation.q)) > 1 - 1e-5
            velocity = np.nan_to_num(nusc.box_velocity(box.token)[:2])
            np.testing.assert_allclose(record["velocity"], velocity, atol=1e-2)


def test_results_file_alone_gives_the_same_scores(nuscenes_root, perfect, tmp_path):
    scores, out_dir = perfect
    again = evaluate_results_file(
        out_dir / "results_nusc.json", nuscenes_root, VERSION, out_dir=tmp_path
    )
    for key, value in again.items():
        np.testing.assert_equal(scores[f"NuScenes/{key}"], value)
    table = format_table(again)
    assert "NDS: 1.0000" in table
    assert len([line for line in table.splitlines() if line.startswith("construction_v")]) == 1
    assert (tmp_path / "metrics_summary.json").is_file()


def test_a_file_that_only_the_devkit_accepts_is_scored_too(nuscenes_root, perfect, tmp_path):
    """mmdet3d's own declaration, quaternions of any length, an attribute of another class."""
    scores, out_dir = perfect
    content = json.loads((out_dir / "results_nusc.json").read_text())
    content["meta"] = {"use_camera": True, "use_lidar": False}
    for records in content["results"].values():
        for record in records:
            record["rotation"] = [2 * value for value in record["rotation"]]
            if record["detection_name"] == "barrier":
                record["attribute_name"] = "vehicle.moving"
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))
    again = evaluate_results_file(path, nuscenes_root, VERSION)
    assert again["NDS"] == pytest.approx(scores["NuScenes/NDS"], abs=1e-6)


def test_order_and_repetition_do_not_matter(nuscenes_root, truth, perfect):
    """Distributed samplers repeat images; some data sets are shuffled."""
    metric = build(nuscenes_root)
    shuffled = [truth[i] for i in np.random.default_rng(0).permutation(len(truth))]
    metric.process(None, [*shuffled, *truth[:3]])
    scores = metric.evaluate(len(truth) + 3)
    assert scores["NuScenes/NDS"] == pytest.approx(perfect[0]["NuScenes/NDS"], abs=1e-6)


def test_image_name_identifies_the_camera_when_tokens_are_absent(nuscenes_root, truth, perfect):
    """mmdet3d's own data sets give img_path alone (and an index that filtering changes)."""
    metric = build(nuscenes_root)
    bare = [{k: v for k, v in s.items() if k not in ("sample_token", "cam_name")} for s in truth]
    metric.process(None, bare)
    assert metric.evaluate(12)["NuScenes/NDS"] == pytest.approx(perfect[0]["NuScenes/NDS"])
    with pytest.raises(DatasetError, match=r"0 images match other\.jpg.*ann_file"):
        metric.process(None, [{**bare[0], "img_path": "other.jpg"}])


def test_wrong_attribute_of_another_detector_is_replaced(nuscenes_root, truth, tmp_path):
    metric = build(nuscenes_root, format_only=True, out_dir=str(tmp_path))
    for sample in truth:
        fields = dict(sample["pred_instances_3d"])
        fields["attr_labels"] = torch.full_like(fields["attr_labels"], 3)  # pedestrian.standing
        metric.process(None, [{**sample, "pred_instances_3d": fields}])
    assert metric.evaluate(12) == {}
    results = json.loads((tmp_path / "results_nusc.json").read_text())["results"]
    found = {(r["detection_name"], r["attribute_name"]) for rs in results.values() for r in rs}
    assert ("pedestrian", "pedestrian.standing") in found
    assert ("car", "vehicle.parked") in found
    assert ("traffic_cone", "") in found
    assert not (tmp_path / "metrics_summary.json").exists()


def test_untested_keyframes_get_an_empty_list(nuscenes_root, truth, tmp_path):
    metric = build(nuscenes_root, format_only=True, out_dir=str(tmp_path))
    metric.process(None, truth[:6])
    metric.evaluate(6)
    results = json.loads((tmp_path / "results_nusc.json").read_text())["results"]
    assert list(results) == metric.frames.sample_tokens
    assert [len(boxes) > 0 for boxes in results.values()] == [True, False]


def test_no_detection_scores_zero(nuscenes_root):
    metric = build(nuscenes_root)
    tokens = metric.frames.sample_tokens
    metric.process(None, [empty_prediction(token, "CAM_FRONT") for token in tokens])
    scores = metric.evaluate(2)
    assert scores["NuScenes/mAP"] == 0
    assert scores["NuScenes/NDS"] == pytest.approx(0)


def test_boxes_without_velocity_and_boxes_that_are_not_finite(nuscenes_root, truth, tmp_path):
    metric = build(nuscenes_root, format_only=True, out_dir=str(tmp_path))
    for sample in truth:
        fields = sample["pred_instances_3d"]
        tensor = fields["bboxes_3d"].tensor[:, :7].clone()
        tensor[:1, 0] = torch.nan
        boxes = CameraInstance3DBoxes(tensor, box_dim=7)
        metric.process(None, [{**sample, "pred_instances_3d": {**fields, "bboxes_3d": boxes}}])
    metric.evaluate(12)
    results = json.loads((tmp_path / "results_nusc.json").read_text())["results"]
    velocities = [record["velocity"] for records in results.values() for record in records]
    assert len(velocities) > 5
    assert set(map(tuple, velocities)) == {(0.0, 0.0)}


def test_split_of_the_training_scenes(nuscenes_root):
    metric = build(nuscenes_root, "train", eval_set="mini_train")
    metric.process(None, truth_of(nuscenes_root, metric))
    assert metric.evaluate(12)["NuScenes/present/mAP"] == pytest.approx(1.0)


def test_test_version_is_only_formatted(nuscenes_root, tmp_path):
    root = copy_of(nuscenes_root, tmp_path / "data")
    path = root / "nuscenes_infos_val.pkl"
    content = pickle.loads(path.read_bytes())
    content["metainfo"]["version"] = "v1.0-test"
    path.write_bytes(pickle.dumps(content))
    metric = build(root, out_dir=str(tmp_path / "out"))
    metric.process(None, [empty_prediction(metric.frames.sample_tokens[0], "CAM_BACK")])
    assert metric.evaluate(1) == {}
    assert (tmp_path / "out" / "results_nusc.json").is_file()


class TestErrors:
    def test_formatting_into_nowhere(self, nuscenes_root):
        with pytest.raises(ValueError, match="format_only needs out_dir"):
            build(nuscenes_root, format_only=True)

    def test_results_of_another_split(self, nuscenes_root, perfect):
        path = perfect[1] / "results_nusc.json"
        with pytest.raises(DatasetError, match=r"cannot be evaluated on mini_train, 4 errors"):
            evaluate_results_file(path, nuscenes_root, VERSION, "mini_train")

    def test_unknown_split(self, nuscenes_root, perfect):
        path = perfect[1] / "results_nusc.json"
        with pytest.raises(DatasetError, match=r"'valid' is no split"):
            evaluate_results_file(path, nuscenes_root, VERSION, "valid")

    def test_no_results_file(self, nuscenes_root, tmp_path):
        with pytest.raises(DatasetError, match=r"none\.json: no such results file"):
            evaluate_results_file(tmp_path / "none.json", nuscenes_root, VERSION)

    @pytest.mark.parametrize("text", ["no json", "{}", "[]"])
    def test_no_json(self, nuscenes_root, tmp_path, text):
        (tmp_path / "r.json").write_text(text)
        with pytest.raises(DatasetError, match=r"r\.json: no"):
            evaluate_results_file(tmp_path / "r.json", nuscenes_root, VERSION)

    def test_no_annotations(self, nuscenes_root, perfect, tmp_path):
        root = copy_of(nuscenes_root, tmp_path / "data")
        for name in ("sample_annotation", "instance"):
            (root / VERSION / f"{name}.json").write_text("[]")
        path = perfect[1] / "results_nusc.json"
        with pytest.raises(DatasetError, match=r"no annotations of these 2 samples"):
            evaluate_results_file(path, root, VERSION)
