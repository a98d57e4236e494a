"""6DoF poses in one's own images in one command: files, boxes, going on, videos, bad input."""

import json
import sys

import cv2
import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

import infer_poses
from epropnp_6dof.bop import read_scene
from epropnp_6dof.own_images import straight_box
from epropnp_data.images import Camera
from epropnp_results import ResultsFolder
from synthetic_bop import make_bop

CONFIG = "configs/epropnp_6dof/epropnp-6dof-v2_r18_synthetic_demo.py"


@pytest.fixture(scope="module")
def checkpoint(repo_dir, tmp_path_factory):
    """Seeded weights of the small network."""
    cfg = Config.fromfile(repo_dir / CONFIG)
    init_default_scope("mmdet3d")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("checkpoint") / "small.pth"
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), path)
    return path


@pytest.fixture(scope="module")
def bop_root(tmp_path_factory):
    return make_bop(tmp_path_factory.mktemp("bop") / "synth")


@pytest.fixture(scope="module")
def scene(bop_root):
    return read_scene(bop_root / "test" / "000002")[:2]


@pytest.fixture
def run(repo_dir, checkpoint, bop_root, scene, tmp_path, monkeypatch):
    """Call the command; returns its results folder."""
    entries = [
        dict(image_id=image.im_id, category_id=item.obj_id, bbox=list(item.bbox_obj), score=0.7)
        for image in scene
        for item in image.instances
    ]
    (tmp_path / "boxes.json").write_text(json.dumps(entries))
    np.savetxt(tmp_path / "K.txt", scene[0].cam_mat)

    def call(source, *options):
        words = ["infer_poses", source, "--config", repo_dir / CONFIG, "--checkpoint", checkpoint]
        words += ["--models-dir", bop_root / "models", "--out-dir", tmp_path / "out"]
        words += ["--intrinsics", tmp_path / "K.txt", *options]
        monkeypatch.setattr(sys, "argv", [str(word) for word in words])
        infer_poses.main()
        return ResultsFolder(tmp_path / "out", [tmp_path])

    return call


def test_folder_and_detections_become_records_and_pictures(run, scene, tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    for image in scene:
        (folder / image.path.name).write_bytes(image.path.read_bytes())
    detections = ("--detections", tmp_path / "boxes.json")
    run(folder, *detections, "--max-images", 1)
    results = run(folder, *detections)
    assert "1 of 2 images are done already" in capsys.readouterr().out
    records = {result.name: result for result in results}
    assert set(records) == {image.path.name for image in scene}
    for image in scene:
        record = records[image.path.name]
        assert 1 <= len(record.objects) <= len(image.instances)
        assert np.array(record.intrinsics)[0, 2] == pytest.approx(image.cam_mat[0, 2] + 0.5)
        assert record.objects[0].covariance is not None
        arrays = results.arrays(record.name)
        assert len(arrays["panel_orientation"]) == len(record.objects)
        assert arrays["panel_model"].shape == arrays["panel_crop"].shape
    pictures = sorted((results.path / "pictures").iterdir())
    height, width = cv2.imread(str(scene[0].path)).shape[:2]
    assert len(pictures) == 2
    picture = cv2.imread(str(pictures[0]))
    times = picture.shape[0] / height  # small images are enlarged
    assert times == round(times)
    assert picture.shape[1] > times * width  # and the small pictures of each object


def test_video_with_one_box_becomes_a_video(run, scene, tmp_path):
    image = cv2.imread(str(scene[0].path))
    path = tmp_path / "turn.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 5, image.shape[1::-1])
    for _ in range(3):
        writer.write(image)
    writer.release()
    item = scene[0].instances[0]
    results = run(path, "--box", *item.bbox_obj, "--obj-id", item.obj_id)
    assert len(results) == 3
    video = cv2.VideoCapture(str(results.path / "video.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "not found"),
        ({}, "got dict"),
        ([dict(image_id=1, bbox=[1, 2, 3, 4])], "entry 0 has no category_id"),
        ([dict(category_id=1, bbox=[1, 2, 3, 4])], "neither image nor image_id"),
        ([dict(image_id=1, category_id=1, bbox=[1, 2])], r"bbox is \[1, 2\]"),
    ],
)
def test_bad_detections_are_said(run, scene, tmp_path, content, message):
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_text(json.dumps(content))
    with pytest.raises(SystemExit, match=rf"bad\.json: .*{message}"):
        run(scene[0].path, "--detections", path)


def test_objects_without_a_model_are_said(run, scene):
    with pytest.raises(SystemExit, match=r"object 99 has no model; .* 1, 2, 3"):
        run(scene[0].path, "--box", 1, 2, 30, 40, "--obj-id", 99)


def test_boxes_are_straightened_with_the_image():
    """The outline of a box, bent by OpenCV's own projection and straightened again."""
    matrix = np.array([[400.0, 0, 160], [0, 400, 120], [0, 0, 1]])
    camera = Camera(matrix, np.array([-0.2, 0.05, 0, 0]))
    steps = np.linspace(0, 1, 200)
    outline = np.array([(40 + 80 * s, 30 + 50 * t) for s in steps for t in (0, 1)])
    rays = np.concatenate([(outline - matrix[:2, 2]) / 400, np.ones((len(outline), 1))], axis=1)
    bent, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), matrix, camera.distortion)
    low, high = bent.reshape(-1, 2).min(0), bent.reshape(-1, 2).max(0)
    x, y, w, h = straight_box((*low, *(high - low)), camera)
    # bounds of bounds hold the box, and no more than the bend of its sides
    assert x <= 40.01
    assert y <= 30.01
    assert 120 <= x + w + 0.01 < 122
    assert 80 <= y + h + 0.01 < 82
