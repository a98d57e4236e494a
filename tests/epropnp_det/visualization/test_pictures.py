"""Pictures: boxes are drawn where they project, and nothing fails on odd boxes."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from epropnp_data.geometry.boxes import box_corners, yaw_to_nuscenes_rotation
from epropnp_data.geometry.camera import clip_edges, project_points
from epropnp_det.evaluation.boxes import GlobalBoxes
from epropnp_det.evaluation.submission import write_submission
from epropnp_det.visualization import (
    draw_footprint,
    draw_keyframe,
    ground_truth,
    load_keyframe,
    new_canvas,
)
from epropnp_det.visualization.picture import PictureStyle
from epropnp_results.pictures.boxes import draw_corners
from epropnp_results.pictures.palette import FOUND, TRUTH
from nuscenes_data import VERSION, load_tables

INTRINSIC = np.array([[200.0, 0, 160], [0, 200.0, 90], [0, 0, 1]])
COLOR = (0, 255, 0)


def corners(center, yaw=0.5):
    rotation = yaw_to_nuscenes_rotation(np.array([yaw]))
    return box_corners(np.array([center]), np.array([[4.0, 2.0, 1.5]]), rotation)[0]


def blank():
    return np.zeros((180, 320, 3), np.uint8)


def test_corners_of_the_drawing_are_those_of_the_box():
    image, cam = blank(), corners((0.5, 0.3, 12.0))
    bounds = draw_corners(image, cam, INTRINSIC, COLOR, width=1, fill=True)
    pixels = project_points(cam, INTRINSIC)
    np.testing.assert_allclose(bounds, [*pixels.min(0), *pixels.max(0)])
    rows, cols = np.nonzero(image[..., 1])
    np.testing.assert_allclose([cols.min(), rows.min()], pixels.min(0), atol=1.6)
    np.testing.assert_allclose([cols.max(), rows.max()], pixels.max(0), atol=1.6)
    for u, v in np.round(pixels).astype(int):
        assert image[v - 1 : v + 2, u - 1 : u + 2, 1].max() > 100


@pytest.mark.parametrize(("yaw", "side"), [(np.pi / 2 + 0.2, 1), (-np.pi / 2 + 0.2, -1)])
def test_front_face_is_filled(yaw, side):
    """yaw -pi/2 looks away from the camera, pi/2 towards it."""
    image, cam = blank(), corners((0.0, 0.0, 9.0), yaw)
    draw_corners(image, cam, INTRINSIC, COLOR, width=1, fill=True)
    assert np.sign(cam[:4, 2].mean() - cam[4:, 2].mean()) == side
    u, v = np.round(project_points(cam[4:].mean(0), INTRINSIC)).astype(int)
    filled = image[v - 3 : v + 4, u - 3 : u + 4, 1]
    assert 20 < np.median(filled) < 120


@pytest.mark.parametrize("center", [(0, 0, 0.0), (0, 0, 1.0), (0.3, 0, -1.0), (1e5, 0, 0.2)])
def test_boxes_around_the_camera_are_cut_at_the_near_plane(center):
    cam = corners(center)
    segments = clip_edges(cam)
    assert np.isfinite(segments).all()
    assert (segments[..., 2] >= 0.1 - 1e-9).all()
    image = blank()
    draw_corners(image, cam, INTRINSIC, COLOR, fill=True)


def test_boxes_outside_leave_the_image_alone():
    for center in ((0, 0, -10.0), (60.0, 0, 10.0), (0, -40.0, 10.0)):
        image = blank()
        assert draw_corners(image, corners(center), INTRINSIC, COLOR) is None
        assert not image.any()


def test_birds_eye_view_has_forward_up_and_left_left():
    canvas = new_canvas(400, reach=40.0)
    np.testing.assert_allclose(canvas.pixels(np.array([40.0, 0])), [200, 0])
    np.testing.assert_allclose(canvas.pixels(np.array([0.0, 40.0])), [0, 200])
    before = canvas.image.copy()
    ego = box_corners(np.array([[20.0, 10.0, 0]]), np.array([[4.0, 2.0, 1.5]]), np.eye(3)[None])[0]
    draw_footprint(canvas, ego, (255, 0, 255), width=1)
    rows, cols = np.nonzero((canvas.image != before).any(-1))
    np.testing.assert_allclose([cols.min(), cols.max()], [145, 155], atol=1.5)
    np.testing.assert_allclose([rows.min(), rows.max()], [90, 110], atol=1.5)


def count_near(image, color):
    """Pixels of about this colour; lines are anti-aliased."""
    return (np.abs(image.astype(int) - color).max(-1) < 80).sum()


def test_picture_of_a_keyframe(nuscenes_root):
    nusc = load_tables(nuscenes_root)
    token = nusc.sample[0]["token"]
    view, truth = load_keyframe(nusc, token), ground_truth(nusc, token)
    style = PictureStyle(tile_width=320)
    picture = draw_keyframe(view, truth.select(truth.labels == 0), truth, style)
    assert picture.shape == (360, 3 * 320 + 360, 3)
    plain = draw_keyframe(view, GlobalBoxes.empty(), None, style)
    assert (plain[:180, :320] == cv2.resize(view.cameras[2].image, (320, 180)))[30:].all()
    for color in (TRUTH, FOUND):
        assert count_near(picture[30:, 960:], color) > 50
    assert count_near(plain[30:, 960:], TRUTH) == count_near(plain[30:, 960:], FOUND) == 0


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
