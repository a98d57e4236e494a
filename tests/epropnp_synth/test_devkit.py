"""The unmodified nuscenes-devkit loads, renders and evaluates a generated set."""

import json
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from nuscenes.eval.common.config import config_factory
from nuscenes.eval.common.loaders import load_gt
from nuscenes.eval.detection.data_classes import DetectionBox
from nuscenes.eval.detection.evaluate import DetectionEval
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.data_classes import LidarPointCloud
from nuscenes.utils.geometry_utils import points_in_box
from PIL import Image

from epropnp_data.nuscenes.tables import TABLE_NAMES
from epropnp_synth.generate import scene_world
from synth_fixtures import tiny_nuscenes  # noqa: F401 -- a fixture

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def nusc(tiny_nuscenes):  # noqa: F811
    return NuScenes("v1.0-mini", str(tiny_nuscenes), verbose=False)


def test_every_link_of_every_table_resolves(nusc):
    for name in TABLE_NAMES:
        for record in getattr(nusc, name):
            for key, value in record.items():
                table = key.removesuffix("_token").removeprefix("first_").removeprefix("last_")
                table = "sample_annotation" if table == "annotation" else table
                if key.endswith("_token") and table in TABLE_NAMES:
                    assert nusc.get(table, value)["token"] == value
                if key in ("prev", "next") and value:
                    back = {"prev": "next", "next": "prev"}[key]
                    assert nusc.get(name, value)[back] == record["token"]


def test_files_exist_in_the_size_the_tables_say(nusc):
    for record in nusc.sample_data:
        path = Path(nusc.get_sample_data_path(record["token"]))
        if record["sensor_modality"] == "camera":
            assert Image.open(path).size == (record["width"], record["height"])
        else:
            assert path.stat().st_size % 20 == 0


def test_cameras_fire_at_their_own_time_from_their_own_pose(nusc):
    for sample in nusc.sample:
        records = [nusc.get("sample_data", token) for token in sample["data"].values()]
        stamps = {record["timestamp"] for record in records}
        assert len(stamps) == 7
        assert max(stamps) - min(stamps) < 60_000
        for record in records:
            pose = nusc.get("ego_pose", record["ego_pose_token"])
            assert pose["timestamp"] == record["timestamp"]


def test_lidar_points_lie_in_the_boxes_they_were_cast_on(nusc):
    total = 0
    for sample in nusc.sample:
        path, boxes, _ = nusc.get_sample_data(sample["data"]["LIDAR_TOP"])
        points = LidarPointCloud.from_file(path).points[:3]
        for box in boxes:
            count = nusc.get("sample_annotation", box.token)["num_lidar_pts"]
            assert points_in_box(box, points).sum() >= count
            # The ground touches the lower face; above it only the object itself is inside.
            box.center[2] += 0.02
            assert points_in_box(box, points).sum() <= count
            total += count
    assert total > 1000


def test_velocity_is_the_difference_of_simulated_positions(nusc, tiny_nuscenes):  # noqa: F811
    seed = json.loads((tiny_nuscenes / "made_with.json").read_text())["seed"]
    moving = 0
    for scene in nusc.scene:
        world = scene_world(seed, scene["name"], 0.5 * scene["nbr_samples"])
        origins = {}
        for actor in world.actors:
            position = np.asarray(actor.pose_at(0.0).translation)
            origins[tuple(np.round(position, 6))] = actor
        first = nusc.get("sample", scene["first_sample_token"])
        for token in first["anns"]:
            record = nusc.get("sample_annotation", token)
            actor = origins[tuple(np.round(record["translation"], 6))]
            if not record["next"]:
                assert np.isnan(nusc.box_velocity(token)).all()
                continue
            places = [np.asarray(actor.pose_at(t).translation) for t in (0.0, 0.5)]
            np.testing.assert_allclose(
                nusc.box_velocity(token), (places[1] - places[0]) / 0.5, atol=1e-4
            )
            speed = np.linalg.norm(nusc.box_velocity(token))
            names = [nusc.get("attribute", t)["name"] for t in record["attribute_tokens"]]
            # the attribute is that of the moment, the velocity that of the next half second
            before, after = (np.asarray(actor.pose_at(t).translation) for t in (-0.01, 0.01))
            now = np.linalg.norm(after - before) / 0.02
            assert now > 0.3 or not {"vehicle.moving", "pedestrian.moving"} & set(names)
            moving += speed > 1
    assert moving > 5


@pytest.mark.parametrize("split", ["mini_train", "mini_val"])
def test_ground_truth_as_prediction_is_perfect(nusc, split, tmp_path):
    truth = load_gt(nusc, split, DetectionBox)
    results = {}
    for token in truth.sample_tokens:
        results[token] = [
            {**box.serialize(), "velocity": list(box.velocity), "detection_score": 1.0}
            for box in truth[token]
        ]
    meta = dict.fromkeys(("use_camera", "use_lidar", "use_radar", "use_map", "use_external"), False)
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"meta": meta, "results": results}))
    config = config_factory("detection_cvpr_2019")
    evaluation = DetectionEval(nusc, config, str(path), split, str(tmp_path), verbose=False)
    metrics, _ = evaluation.evaluate()
    present = {box.detection_name for box in evaluation.gt_boxes.all}
    assert len(present) >= 8
    for name in present:
        assert metrics.mean_dist_aps[name] == pytest.approx(1.0)
        for error in ("trans_err", "scale_err", "orient_err", "vel_err", "attr_err"):
            value = metrics._label_tp_errors[name][error]
            assert np.isnan(value) or value == pytest.approx(0.0, abs=1e-6)


def test_devkit_renders(nusc, tmp_path):
    sample = nusc.sample[0]
    nusc.render_sample_data(sample["data"]["CAM_FRONT"], out_path=str(tmp_path / "cam.png"))
    nusc.render_sample_data(
        sample["data"]["LIDAR_TOP"], underlay_map=True, out_path=str(tmp_path / "lidar.png")
    )
    nusc.render_annotation(sample["anns"][0], out_path=str(tmp_path / "ann.png"))
    location = nusc.log[0]["location"]
    nusc.render_egoposes_on_map(location, out_path=str(tmp_path / "poses.png"))
    assert len(list(tmp_path.glob("*.png"))) == 4


def test_ego_vehicle_drives_on_the_map(nusc):
    for scene in nusc.scene:
        log = nusc.get("log", scene["log_token"])
        mask = nusc.get("map", log["map_token"])["mask"]
        sample = nusc.get("sample", scene["first_sample_token"])
        record = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
        x, y, _ = nusc.get("ego_pose", record["ego_pose_token"])["translation"]
        assert mask.is_on_mask(x, y).all()
