"""Maps, orientations and outlines of single objects: marks are where geometry says."""

import numpy as np
from scipy.spatial.transform import Rotation

from epropnp_results.pictures import (
    coordinate_picture,
    draw_contour,
    orientation_picture,
    weight_picture,
)
from epropnp_results.pictures.palette import FOUND, TRUTH


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
