"""The tools from end to end on a few synthetic images: the quick demo, resuming, two processes."""

import json
import os
import re
import subprocess
import sys

import pytest

CONFIG = "configs/epropnp_det/epropnp-det-v2_lite0-fpn_demo_synthetic.py"
SMALL = ["train_dataloader.batch_size=2", "default_hooks.logger.interval=1"]
FEW_OBJECTS = "model.bbox_head.criterion.object_sampler.num_per_img=4"


def run(repo_dir, *command):
    """Run a tool of the repository; returns its exit code and all it printed."""
    env = dict(os.environ, OMP_NUM_THREADS="1", PYTHON=sys.executable)
    result = subprocess.run(
        [str(part) for part in command],
        cwd=repo_dir,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return result.returncode, result.stdout


@pytest.fixture(scope="module")
def demo(repo_dir, tmp_path_factory):
    """Folder in which the quick demo ran: ``data``, ``work/train``, ``work/test`` and so on."""
    folder = tmp_path_factory.mktemp("demo")
    arguments = ["--quick", "--work-dir", folder / "work", "--data-root", folder / "data"]
    code, output = run(repo_dir, sys.executable, "tools/demo.py", *arguments)
    assert code == 0, output[-4000:]
    (folder / "output.txt").write_text(output)
    return folder


@pytest.mark.slow
def test_demo_writes_scores_submission_and_pictures(demo):
    output = (demo / "output.txt").read_text()
    assert re.search(r"NDS \d\.\d{3}, mAP \d\.\d{3}", output)
    results = json.loads((demo / "work/test/tta/results_nusc.json").read_text())
    assert results["meta"]["use_camera"]
    assert not results["meta"]["use_lidar"]
    assert len(results["results"]) == 2  # keyframes of the one validation scene
    assert len(list((demo / "work/pictures").glob("*.jpg"))) == 2


@pytest.mark.slow
def test_training_goes_on_from_its_checkpoint_with_safe_loading(demo, repo_dir):
    work_dir = demo / "work" / "train"
    options = ["--cfg-options", "train_cfg.max_iters=6", FEW_OBJECTS, *SMALL]
    command = ["tools/train.py", CONFIG, "--data-root", demo / "data", "--work-dir", work_dir]
    code, output = run(repo_dir, sys.executable, *command, "--resume", *options)
    assert code == 0, output[-4000:]
    assert re.search(r"resumed epoch: 0, iter: 4", output)
    assert re.findall(r"Iter\(train\) *\[ *(\d+)/6\]", output) == ["5", "6"]
    assert (work_dir / "iter_6.pth").is_file()


@pytest.mark.slow
def test_two_processes_train_and_test_without_gpu(demo, repo_dir, tmp_path):
    options = ["--data-root", demo / "data", "--work-dir", tmp_path, "--cfg-options"]
    train = ["tools/dist_train.sh", CONFIG, "2", *options, "train_cfg.max_iters=2", FEW_OBJECTS]
    code, output = run(repo_dir, "env", "PORT=29517", *train, *SMALL)
    assert code == 0, output[-4000:]
    checkpoint = tmp_path / "iter_2.pth"
    test = ["tools/dist_test.sh", CONFIG, checkpoint, "2", *options[:-1]]
    code, output = run(repo_dir, "env", "PORT=29518", *test)
    assert code == 0, output[-4000:]
    results = json.loads((tmp_path / "results_nusc.json").read_text())
    assert len(results["results"]) == 2
