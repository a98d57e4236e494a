"""Readers and writers of BOP files: round trips and clear errors."""

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from epropnp_6dof.bop import (
    ObjectModel,
    PoseEstimate,
    read_detections,
    read_models_info,
    read_results,
    read_scene,
    write_results,
)
from epropnp_data.geometry.rigid import RigidPose


def test_results_round_trip_exactly(tmp_path):
    rng = np.random.default_rng(0)
    estimates = [
        PoseEstimate(
            2, i, 5, rng.random(), RigidPose(Rotation.random(rng=rng).as_matrix(), rng.random(3))
        )
        for i in range(5)
    ]
    write_results(tmp_path / "out" / "method_lmo-test.csv", estimates)
    again = read_results(tmp_path / "out" / "method_lmo-test.csv")
    for one, two in zip(estimates, again, strict=True):
        assert one[:4] == two[:4]
        np.testing.assert_array_equal(one.pose.rotation, two.pose.rotation)
        np.testing.assert_allclose(one.pose.translation, two.pose.translation, rtol=1e-15)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["method_lmo-test.csv"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2,3,1,1.0,1 0 0 0 1 0 0 0,0 0 1,1", r":2: R: 8 numbers, expected 9"),
        ("2,3,1,high,1 0 0 0 1 0 0 0 1,0 0 1,1", r":2: .*high"),
        ("2,3,1,1.0,1 0 0 0 1 0 0 0 1,0 0 one,1", r":2: t: .*one"),
    ],
)
def test_bad_result_line_names_place(tmp_path, line, message):
    path = tmp_path / "bad.csv"
    path.write_text(f"scene_id,im_id,obj_id,score,R,t,time\n{line}\n")
    with pytest.raises(ValueError, match=message):
        read_results(path)


def test_scene_reads_metres_and_skips_missing_images(tmp_path):
    scene = tmp_path / "000007"
    (scene / "rgb").mkdir(parents=True)
    (scene / "rgb" / "000004.png").write_bytes(b"")
    cam_k = [500, 0, 320, 0, 501, 240, 0, 0, 1]
    (scene / "scene_camera.json").write_text(
        json.dumps({k: {"cam_K": cam_k, "depth_scale": 1.0} for k in ("4", "5")})
    )
    truth = {"cam_R_m2c": np.eye(3).ravel().tolist(), "cam_t_m2c": [1, 2, 900], "obj_id": 3}
    (scene / "scene_gt.json").write_text(json.dumps({"4": [truth], "5": []}))
    (image,) = read_scene(scene)
    assert (image.scene_id, image.im_id) == (7, 4)
    assert image.cam_mat[1, 1] == 501
    (instance,) = image.instances
    np.testing.assert_allclose(instance.pose.translation, [0.001, 0.002, 0.9])
    assert instance.visib_fract == 1
    assert instance.mask_path is None
    assert len(read_scene(scene, on_disk_only=False)) == 2


def test_models_info_names_missing_fields(tmp_path):
    (tmp_path / "models_info.json").write_text(json.dumps({"3": {"diameter": 100, "min_x": -1}}))
    with pytest.raises(ValueError, match="object 3 lacks min_y"):
        read_models_info(tmp_path)


def test_detections_are_grouped_and_sorted(tmp_path):
    entries = [
        {"scene_id": 2, "image_id": 3, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.2},
        {"scene_id": 2, "image_id": 3, "category_id": 5, "bbox": [5, 6, 7, 8], "score": 0.9},
    ]
    path = tmp_path / "detections.json"
    path.write_text(json.dumps(entries))
    found = read_detections(path)[2, 3]
    assert [detection.obj_id for detection in found] == [5, 1]
    assert found[1].box == (1, 2, 3, 4)
    path.write_text(json.dumps([{"image_id": 3, "bbox": [0, 0, 1, 1]}]))
    with pytest.raises(ValueError, match="entry 0 lacks category_id"):
        read_detections(path)


def test_a_frame_that_touches_its_box_still_gives_a_unit():
    """Objects that stand on their frame's plane have no extent below it."""
    corner, size = np.array([-0.05, -0.02, 0.0]), np.array([0.1, 0.04, 0.2])
    none = np.zeros((0, 3))
    model = ObjectModel(1, 0.25, corner, size, (RigidPose(np.eye(3), np.zeros(3)),), none, none)
    np.testing.assert_allclose(model.coord_scale, [0.05, 0.02, 0.1])
    assert np.abs(model.box_corners / model.coord_scale).max() <= 2
