"""Pictures: marks are where geometry says."""

import numpy as np
from scipy.spatial.transform import Rotation

from epropnp_6dof.visualization import (
    coordinate_picture,
    draw_box,
    draw_contour,
    orientation_picture,
    weight_picture,
)
from epropnp_data.geometry.camera import project_points
from epropnp_data.geometry.rigid import RigidPose
from epropnp_results.pictures.palette import FOUND, TRUTH

CAM_MAT = np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]])
CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * 0.1 - 0.05


def test_box_is_drawn_through_its_projected_corners():
    pose = RigidPose(Rotation.from_rotvec([0.3, 0.5, 0.1]).as_matrix(), np.array([0.02, 0, 0.6]))
    drawn = draw_box(np.zeros((240, 320, 3), np.uint8), pose, CORNERS, CAM_MAT, (0, 255, 0))
    for u, v in np.rint(project_points(pose.apply(CORNERS), CAM_MAT)).astype(int):
        assert drawn[v - 1 : v + 2, u - 1 : u + 2, 1].max() > 100
    assert drawn[..., (0, 2)].max() == 0


def test_box_behind_the_camera_is_left_out():
    pose = RigidPose(np.eye(3), np.array([0, 0, -1.0]))
    drawn = draw_box(np.zeros((240, 320, 3), np.uint8), pose, CORNERS, CAM_MAT, (0, 255, 0))
    assert drawn.max() == 0


def looking_from(longitude, latitude, roll=0.0):
    """Object-to-camera rotation seen from a direction, degrees, object z up in the image."""
    a, b = np.radians([longitude, latitude])
    toward = np.array([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)])
    right = np.array([-np.sin(a), np.cos(a), 0])
    down = np.cross(-toward, right)
    turn = Rotation.from_euler("z", roll, degrees=True).as_matrix()
    return turn @ np.stack((right, down, -toward))


def test_orientation_mark_is_at_the_viewing_direction():
    for longitude, latitude in [(-100, 20), (30, -60), (179, 5)]:
        picture = orientation_picture(looking_from(longitude, latitude)[None], np.ones(1))
        row, column = np.unravel_index(picture.max(-1).argmax(), picture.shape[:2])
        assert abs(row - (90 - latitude)) <= 2
        assert abs(column - (180 + longitude)) <= 2


def test_turn_about_the_axis_changes_colour_not_place():
    one, two = (
        orientation_picture(looking_from(10, 10, roll)[None], np.ones(1)) for roll in (0, 120)
    )
    bright = one.max(-1) > 150
    assert (two.max(-1)[bright] > 100).all()
    assert np.abs(one[bright].astype(int) - two[bright]).max() > 100


def test_symmetry_about_z_is_a_line_of_latitude():
    rotations = np.stack([looking_from(longitude, 30) for longitude in range(-180, 180)])
    picture = orientation_picture(rotations, np.ones(len(rotations))).max(-1)
    assert (picture[60] > 200).all()
    assert picture[100:134].max() <= 50  # grid lines only


def test_map_pictures_put_zero_at_grey_and_the_largest_weight_at_full():
    grey = coordinate_picture(np.zeros((3, 8, 8)), 16)
    assert set(np.unique(grey)) == {127}
    logits = np.zeros((2, 8, 8))
    logits[0, 2, 3] = 50
    picture = weight_picture(logits, 8)
    assert tuple(picture[2, 3]) == tuple(np.add(FOUND, TRUTH).clip(max=255))
    assert tuple(picture[5, 5]) == TRUTH


def test_contour_runs_around_the_mask():
    mask = np.zeros((20, 30))
    mask[5:12, 8:20] = 1
    drawn = draw_contour(np.zeros((20, 30, 3), np.uint8), mask, FOUND)
    rows, columns = np.nonzero((drawn == FOUND).all(-1))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 11, 8, 19)
    assert len(rows) == 2 * (7 + 12) - 4  # nothing inside
