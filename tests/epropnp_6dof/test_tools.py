"""Command lines of the 6DoF tools: the quick demo from end to end, splits, bad input."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import create_lm_split
import create_lmo_sample
from epropnp_6dof.bop import read_results, read_scene
from epropnp_6dof.datasets.lm_split import LM_NAMES
from epropnp_results import ResultsFolder


def run_tool(repo_dir, *command):
    """Exit code and output of a tool."""
    env = dict(os.environ, OMP_NUM_THREADS="1")
    result = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=repo_dir,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return result.returncode, result.stdout


@pytest.mark.slow
def test_quick_demo_runs_and_is_reused(repo_dir, tmp_path):
    command = ["tools/demo_6dof.py", "--quick", "--baseline"]
    command += ["--work-dir", tmp_path / "work", "--data-root", tmp_path / "data"]
    code, output = run_tool(repo_dir, *command)
    assert code == 0, output[-4000:]
    for title in ("coordinates, RANSAC PnP", "then EPro-PnP", "then coordinates as long"):
        assert title in output.rsplit("Done in", 1)[1]
    for name in ("coordinates", "epropnp", "longer"):
        scores = json.loads((tmp_path / "work" / name / "test" / "scores_6dof.json").read_text())
        assert set(scores["objects"]) == {"1", "2", "3"}
        assert scores["mean"]["count"] == 6
    folder = tmp_path / "work" / "epropnp" / "test"
    assert len(read_results(folder / "results_bop.csv")) <= 6
    results = ResultsFolder(tmp_path / "work" / "pictures")
    pictures = list((results.path / "pictures").glob("*.jpg"))
    assert len(results) == len(pictures) == 2
    assert 0 < sum(len(record.objects) for record in results) <= 6
    code, output = run_tool(repo_dir, *command)
    assert code == 0, output[-4000:]
    assert output.count("reusing") == 8


@pytest.fixture
def set_arguments(monkeypatch):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tool", *map(str, arguments)])

    return run


def write_lm_scene(root, obj_id, num_frames, rng):
    from scipy.spatial.transform import Rotation

    scene = root / "test" / f"{obj_id:06d}"
    (scene / "rgb").mkdir(parents=True)
    truths, cameras = {}, {}
    for frame in range(num_frames):
        (scene / "rgb" / f"{frame:06d}.png").touch()
        rotation = Rotation.random(rng=rng).as_matrix()
        truths[frame] = [
            dict(cam_R_m2c=rotation.ravel().tolist(), cam_t_m2c=[0, 0, 900], obj_id=obj_id)
        ]
        cameras[frame] = dict(cam_K=np.eye(3).ravel().tolist())
    (scene / "scene_gt.json").write_text(json.dumps(truths))
    (scene / "scene_camera.json").write_text(json.dumps(cameras))


def test_lm_split_from_poses_and_from_lists(tmp_path, set_arguments):
    rng = np.random.default_rng(0)
    for obj_id in LM_NAMES:
        write_lm_scene(tmp_path, obj_id, 6, rng)
    set_arguments(tmp_path)
    create_lm_split.main()
    parts = [json.loads((tmp_path / f"lm_{part}.json").read_text()) for part in ("train", "test")]
    for obj_id in LM_NAMES:
        together = sorted(frame for part in parts for frame in part[str(obj_id)])
        assert together == list(range(6))
        assert 0 in parts[0][str(obj_id)]
    lists = tmp_path / "lists"
    lists.mkdir()
    for name in LM_NAMES.values():
        (lists / f"{name}_train.txt").write_text("000003\n")
        (lists / f"{name}_test.txt").write_text("000001\n000002\n")
    set_arguments(tmp_path, "--lists", lists)
    create_lm_split.main()
    assert json.loads((tmp_path / "lm_test.json").read_text())["15"] == [1, 2]


def test_lmo_sample_splits_frames_and_writes_masks(reference_dir, tmp_path, set_arguments, capsys):
    set_arguments(reference_dir / "real" / "lmo", tmp_path / "sample")
    create_lmo_sample.main()
    assert "30 training, 10 test frames" in capsys.readouterr().out
    train, test = (
        json.loads((tmp_path / "sample" / f"{part}_frames.json").read_text())["2"]
        for part in ("train", "test")
    )
    assert len(train) == 30
    assert not set(train) & set(test)
    images = read_scene(tmp_path / "sample" / "test" / "000002")
    assert all(item.mask_path is not None for image in images for item in image.instances)
