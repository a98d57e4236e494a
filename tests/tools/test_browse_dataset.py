"""What training sees is drawn where it is, mirrored or not."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from det_small import IMAGE_SIZE, make_sample
from epropnp_det.visualization import draw_sample
from epropnp_results.pictures.palette import CHOSEN, TRUTH
from nuscenes_data import nuscenes_root

__all__ = ["nuscenes_root"]
CLASSES = ["car"] * 10


@pytest.mark.parametrize("flip", [False, True])
def test_3d_boxes_follow_the_mirror(flip):
    """The drawing of the mirrored sample is the mirror of the drawing."""
    sample = make_sample(flip=flip)
    sample.lidar_uvz = np.zeros((0, 3))
    picture = draw_sample(np.zeros((*IMAGE_SIZE, 3), np.uint8), sample, CLASSES)
    zoom = picture.shape[1] / IMAGE_SIZE[1]
    assert zoom == 3  # small images are enlarged
    columns = np.nonzero((np.abs(picture.astype(int) - TRUTH) < 90).all(-1))[1] / zoom
    middle = (columns.min() + columns.max()) / 2
    straight = 256 - middle if flip else middle
    # boxes at x = 0, z = 8 (4 m long) and x = 4, z = 15 with f = 200, centre 128
    assert straight == pytest.approx((128 - 200 * 2.0 / 7.4 + 128 + 200 * 4.6 / 14.8) / 2, abs=8)
    _, columns = np.nonzero((np.abs(picture.astype(int) - CHOSEN) < 40).all(-1))
    assert columns.min() == zoom * (
        256 - 190 if flip else 80
    )  # 2D boxes are those of the network input


def test_command_line(nuscenes_root, tmp_path, repo_dir):
    config = "configs/epropnp_det/epropnp-det-v2_r18-fpn_demo_synthetic.py"
    command = [
        sys.executable,
        "tools/browse_dataset.py",
        config,
        "--data-root",
        f"{nuscenes_root}/",
    ]
    command += ["--out-dir", str(tmp_path), "--num", "3"]
    done = subprocess.run(command, cwd=repo_dir, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    pictures = sorted(tmp_path.iterdir())
    assert len(pictures) == 3
    colours = [cv2.imread(str(path)).astype(int) for path in pictures]
    assert any((np.abs(picture - TRUTH).max(-1) < 80).sum() > 30 for picture in colours)
