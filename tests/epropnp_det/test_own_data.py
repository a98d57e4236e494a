"""Rendered streets, as a plain file and in KITTI's layout: train, test, infer, explore."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from epropnp_data.kitti.prepare import prepare_kitti
from epropnp_results import ResultsFolder
from epropnp_synth.street import StreetSettings, generate_street

CONFIGS = "configs/epropnp_det/epropnp-det-v2_r18-fpn_demo_{}.py"
LOADER = dict(num_workers=0, persistent_workers=False)
TRAIN = ["train_cfg.max_iters=2", "train_dataloader.batch_size=2"]
TRAIN += ["default_hooks.checkpoint.interval=2"]
# an untrained network finds nothing it is sure of
TEST = ["model.test_cfg.min_fcos_score=0.0", "model.test_cfg.max_obj_per_img=8"]


def call(repo_dir, *words):
    done = subprocess.run(
        [sys.executable, *map(str, words)], cwd=repo_dir, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


def options(split, settings):
    return [*settings, *(f"{split}_dataloader.{key}={value}" for key, value in LOADER.items())]


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["custom", "kitti"])
def test_train_test_infer_explore(repo_dir, tmp_path, layout):
    data, work, results = tmp_path / "data", tmp_path / "work", tmp_path / "results"
    generate_street(data, StreetSettings(layout, train=2, val=1, image_scale=0.2))
    if layout == "kitti":
        prepare_kitti(data)
    config = CONFIGS.format(layout)
    where = ["--data-root", f"{data}/", "--work-dir", work, "--cfg-options"]
    call(repo_dir, "tools/train.py", config, *where, *options("train", TRAIN))
    checkpoint = work / "iter_2.pth"

    tested = [config, checkpoint, "--results-dir", results, "--score-thr", 0.0]
    output = call(repo_dir, "tools/test.py", *tested, *where, *options("test", TEST))
    scores = json.loads((work / "scores.json").read_text())
    assert scores["classes_present"] > 0
    assert 0 <= scores["mAP_distance"] <= 1
    assert json.loads((work / "detections.json").read_text())
    if layout == "kitti":
        assert "Car_3D_AP40_moderate_strict" in output
        assert len(list((work / "kitti_results/data").iterdir())) == 1

    records = list(ResultsFolder(results))
    cameras = {"custom": {"level", "tilted"}, "kitti": {"image_2"}}[layout]
    assert {record.camera for record in records} == cameras
    assert all(record.truth for record in records)
    assert any(record.objects for record in records)
    tilted = [record.camera_to_ground for record in records if record.camera == "tilted"]
    assert all(matrix is not None for matrix in tilted)
    call(repo_dir, "tools/explore.py", results, "--image-root", data)
    assert (results / "explore.html").stat().st_size > 90_000

    # the copy of the config in the work directory and the checkpoint are enough for inference
    photos = Path(records[0].image).parent
    words = ["--config", work / Path(config).name, "--checkpoint", checkpoint, "--fov", 65]
    words += ["--score-thr", 0.0, "--max-images", 1, "--out-dir", tmp_path / "out"]
    (data / ("train.json" if layout == "custom" else "kitti_train.json")).unlink()
    call(repo_dir, "demo/infer_images.py", photos, *words)
    assert len(ResultsFolder(tmp_path / "out")) == 1
