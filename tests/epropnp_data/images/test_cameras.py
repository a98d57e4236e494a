"""Cameras from words and files; tilt and distortion against projections."""

import json

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from epropnp_data.images import (
    Camera,
    CameraError,
    camera_from_fov,
    ground_rotation,
    read_camera,
    undistort,
)
from epropnp_data.images.cameras import pitch_from_horizon, rotation_from_gravity

K = np.array([[500.0, 0, 320], [0, 510, 240], [0, 0, 1]])


def test_words_and_files_agree(tmp_path):
    np.savetxt(tmp_path / "K.txt", K)
    files = {
        "matrix": {"intrinsics": K.tolist()},
        "opencv": {"camera_matrix": K.ravel().tolist(), "dist_coeffs": [[0.1, 0, 0, 0, 0]]},
        "numbers": {"fx": 500, "fy": 510, "cx": 320, "cy": 240},
    }
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    words = [["500", "510", "320", "240"], [str(tmp_path / "K.txt")]]
    for each in words + [[str(tmp_path / f"{name}.json")] for name in files]:
        np.testing.assert_array_equal(read_camera(each).intrinsics, K)
    camera = read_camera([str(tmp_path / "opencv.json")])
    np.testing.assert_array_equal(camera.distortion, [0.1, 0, 0, 0, 0])
    assert camera.camera_to_ground is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"no such file.*--fov"),
        ("{", "is not JSON"),
        ("[1]", "holds list"),
        ('{"fx": 1}', "neither intrinsics nor fx, fy, cx, cy"),
        ('{"intrinsics": [[1, 2], [3, 4]]}', r"is \(2, 2\), expected 3x3"),
        ('{"fx": -1, "fy": 1, "cx": 1, "cy": 1}', "positive focal lengths"),
        ('{"fx": 1, "fy": 1, "cx": 1, "cy": 1, "distortion": [1, 2]}', "distortion has 2 numbers"),
        ('{"fx": 1, "fy": 1, "cx": 1, "cy": 1, "gravity": [0, 0, 1]}', "gravity is"),
    ],
)
def test_bad_files_are_named(tmp_path, content, message):
    path = tmp_path / "camera.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CameraError, match=rf"camera\.json.*{message}"):
        read_camera([str(path)])


def test_bad_words_are_named():
    with pytest.raises(CameraError, match="got 3 words"):
        read_camera(["1", "2", "3"])
    with pytest.raises(CameraError, match="expected four numbers"):
        read_camera(["1", "2", "3", "x"])
    with pytest.raises(CameraError, match="--fov is 200"):
        camera_from_fov(200, 640, 480)


def test_field_of_view_reaches_the_borders():
    camera = camera_from_fov(60, 640, 480)
    for side, u in ((-1, 0), (1, 640)):
        ray = np.array([side * np.tan(np.radians(30)), 0, 1])
        assert (camera.intrinsics @ ray)[0] == pytest.approx(u)


def test_pitch_and_roll_turn_the_right_way():
    """Looking down by 10 degrees, what is ahead and level appears above the middle."""
    down = ground_rotation(10)
    ahead = down.T @ [0, 0, 1]
    assert ahead[1] == pytest.approx(-np.sin(np.radians(10)))
    clockwise = ground_rotation(0, 90)
    np.testing.assert_allclose(clockwise @ [1, 0, 0], [0, 1, 0], atol=1e-12)  # right side is down
    both = ground_rotation(10, 20)
    expected = Rotation.from_euler("x", -10, degrees=True) * Rotation.from_euler(
        "z", 20, degrees=True
    )
    np.testing.assert_allclose(both, expected.as_matrix(), atol=1e-12)


def test_horizon_tells_the_pitch():
    for pitch in (-7.0, 0.0, 12.0):
        ahead = ground_rotation(pitch).T @ [0, 0, 1]
        row = (K @ ahead)[1] / ahead[2]
        assert pitch_from_horizon(row, K) == pytest.approx(pitch, abs=1e-9)


def test_gravity_tells_the_rotation():
    rotation = ground_rotation(12, -8)
    again = rotation_from_gravity(3 * rotation[1])  # its second row is gravity in the camera
    np.testing.assert_allclose(again @ rotation[1], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(again @ again.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(again) == pytest.approx(1)
    # headings start from where the camera looks
    assert (again @ [0, 0, 1])[0] == pytest.approx(0, abs=1e-12)


def test_undistorted_points_lie_where_a_pinhole_sees_them():
    distortion = np.array([-0.25, 0.08, 0.001, -0.002, 0.0])
    points = np.array([[-0.4, -0.3, 1.0], [0.4, 0.25, 1.0], [0.1, -0.2, 1.0]])
    centers = K - np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    seen = cv2.projectPoints(points, np.zeros(3), np.zeros(3), centers, distortion)[0][:, 0]
    image = np.zeros((480, 640, 3), np.uint8)
    for u, v in seen:
        cv2.circle(image, (round(16 * u), round(16 * v)), 48, (255, 255, 255), -1, cv2.LINE_AA, 4)
    straight = undistort(image, Camera(K, distortion))
    _, _, _, found = cv2.connectedComponentsWithStats((straight[..., 0] > 100).astype(np.uint8))
    expected = (points @ centers.T)[:, :2]
    for place in expected:
        assert np.linalg.norm(found[1:] - place, axis=1).min() < 0.7
    assert np.linalg.norm(seen - expected, axis=1).max() > 8
    assert undistort(image, Camera(K)) is image
