"""Levelled images against projections of the same points by both cameras."""

import cv2
import numpy as np
import pytest

from epropnp_data.images import CameraError, ground_rotation, level_view, move_pixels
from epropnp_data.images.cameras import camera_tilt

K = np.array([[300.0, 0, 150], [0, 310, 110], [0, 0, 1]])
GROUND = ground_rotation(12, -7)


def project(points):
    pixels = points @ K.T
    return pixels[..., :2] / pixels[..., 2:]


def test_points_lie_where_the_level_camera_projects_them():
    """One bright dot per image, drawn where the tilted camera projects a point."""
    for point in ([0.4, -0.9, 9.0], [-1.0, -0.7, 4.0], [0.9, -0.4, 6.0]):
        image = np.zeros((220, 300, 3), np.uint8)
        at = np.round(16 * (project(np.array(point)) - 0.5)).astype(int)
        cv2.circle(image, tuple(at.tolist()), 3 * 16, (255, 255, 255), -1, cv2.LINE_AA, 4)
        view = level_view(image, K, GROUND)
        gray = view.image[..., 0].astype(float) - view.image.min()
        rows, columns = np.mgrid[:220, :300] + 0.5
        center = np.array([(columns * gray).sum(), (rows * gray).sum()]) / gray.sum()
        # the outline is drawn to a sixteenth of a pixel, interpolated and stretched by the turn
        np.testing.assert_allclose(center, project(GROUND @ point), atol=0.3)


def test_pixels_and_places_turn_back():
    points = np.random.default_rng(0).uniform((-2, -1, 5), (2, 1, 20), (40, 3))
    view = level_view(np.zeros((220, 300, 3), np.uint8), K, GROUND)
    level = points @ GROUND.T
    np.testing.assert_allclose(move_pixels(view.to_pixels, project(level)), project(points))
    np.testing.assert_allclose(level @ view.to_camera.T, points)


def test_level_cameras_keep_their_image():
    image = np.random.default_rng(0).integers(0, 255, (22, 30, 3), dtype=np.uint8)
    view = level_view(image, K, None)
    assert view.image is image
    np.testing.assert_array_equal(view.to_camera, np.eye(3))
    np.testing.assert_array_equal(level_view(image, K, ground_rotation(0)).image, image)


def test_tilt_is_read_back():
    np.testing.assert_allclose(camera_tilt(GROUND), (12, -7))


@pytest.mark.parametrize("tilt", [(50, 0), (0, 90), (-46, 0)])
def test_cameras_turned_too_far_are_refused(tilt):
    with pytest.raises(CameraError, match="cannot be levelled"):
        level_view(np.zeros((4, 4, 3), np.uint8), K, ground_rotation(*tilt))
