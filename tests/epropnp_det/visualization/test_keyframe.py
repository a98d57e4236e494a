"""Pictures of keyframes: boxes are where nuScenes' own tables put them."""

import subprocess
import sys

import cv2
import numpy as np
from pyquaternion import Quaternion

from epropnp_det.evaluation.boxes import GlobalBoxes
from epropnp_det.evaluation.submission import write_submission
from epropnp_det.visualization import draw_keyframe, ground_truth
from epropnp_det.visualization.keyframe import WIDTH, keyframe_records
from epropnp_results.pictures.birds_eye import to_plane
from epropnp_results.pictures.palette import FOUND, TRUTH
from epropnp_results.records import corners
from epropnp_results.space import camera_to_ground
from nuscenes_data import VERSION, load_tables


def count_near(image, color):
    """Pixels of about this colour; lines are anti-aliased."""
    return (np.abs(image.astype(int) - color).max(-1) < 80).sum()


def test_boxes_are_where_the_devkit_puts_them(nuscenes_root):
    """In each camera, and on the ground around the vehicle at the keyframe's time."""
    nusc = load_tables(nuscenes_root)
    sample = nusc.sample[0]
    boxes = ground_truth(nusc, sample["token"])
    records = keyframe_records(nusc, sample["token"], boxes, boxes)
    around = nusc.get_sample_data(sample["data"]["LIDAR_TOP"])[1]
    lidar = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
    sensor = nusc.get("calibrated_sensor", lidar["calibrated_sensor_token"])
    for box in around:  # from the lidar to the vehicle
        box.rotate(Quaternion(sensor["rotation"]))
        box.translate(np.array(sensor["translation"]))
    places = np.array([box.center for box in around])
    compared = 0
    for record in records:
        own = nusc.get_sample_data(sample["data"][record.camera])[1]
        theirs = np.array([box.corners().T.mean(0) for box in own]).reshape(-1, 3)
        assert record.truth == [] or len(theirs)
        for truth, found in zip(record.truth, record.objects, strict=True):
            assert found.translation == truth.translation
            turned = camera_to_ground(record) @ truth.translation
            right, ahead = to_plane(record, turned[[0, 2]])
            apart = np.linalg.norm(places[:, :2] - (ahead, -right), axis=1)
            assert apart.min() < 0.02  # cameras are level to a fraction of a degree
            near = np.linalg.norm(theirs - truth.translation, axis=1)
            if near.min() < 1:  # the devkit leaves out what the image does not show
                expected = own[near.argmin()].corners().T
                ours = corners(truth)
                gaps = np.linalg.norm(expected[:, None] - ours[None], axis=-1).min(1)
                assert gaps.max() < 1e-3
                compared += 1
    assert compared > 5


def test_picture_of_a_keyframe(nuscenes_root):
    nusc = load_tables(nuscenes_root)
    token = nusc.sample[0]["token"]
    truth = ground_truth(nusc, token)
    picture = draw_keyframe(nusc, token, truth.select(truth.labels == 0), truth)
    assert picture.shape == (720, 3 * WIDTH + 720, 3)
    plain = draw_keyframe(nusc, token, GlobalBoxes.empty(), None)
    legend = 30  # rows that say which colour is which
    for color in (TRUTH, FOUND):
        assert count_near(picture[:-legend, 3 * WIDTH :], color) > 50
        assert count_near(plain[:-legend, 3 * WIDTH :], color) < 20


def test_command_line(nuscenes_root, tmp_path, repo_dir):
    nusc = load_tables(nuscenes_root)
    tokens = [sample["token"] for sample in nusc.sample]
    boxes = {token: ground_truth(nusc, token) for token in tokens}
    boxes = {k: v._replace(velocities=np.zeros_like(v.velocities)) for k, v in boxes.items()}
    path = write_submission(tmp_path / "results.json", boxes)
    options = ["--dataroot", str(nuscenes_root), "--version", VERSION, "--max-samples", "2"]
    command = [sys.executable, "tools/visualize.py", str(path), *options]
    subprocess.run([*command, "--out-dir", str(tmp_path / "out")], cwd=repo_dir, check=True)
    pictures = sorted((tmp_path / "out").iterdir())
    assert len(pictures) == 2
    assert cv2.imread(str(pictures[0])).std() > 10
