"""Matches and errors against closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from epropnp_results import match_objects
from epropnp_results.regions import (
    credible_threshold,
    interpolate_circle,
    interpolate_plane,
    mass_above,
)
from result_scenes import detection, make_image, truth_box


def test_errors_of_matched_objects():
    car, pedestrian, wrong = match_objects(make_image(0))
    assert car.truth_index == 0
    np.testing.assert_allclose(
        car[1:], [0.5, -0.5, 0.1, 0.0], atol=1e-9
    )  # position, depth, heading, size
    np.testing.assert_allclose(pedestrian.position_error, 0.1)
    assert wrong is None


def test_the_better_score_chooses_first_and_truth_is_taken_once():
    near = detection("car", (0.0, 1.0, 10.1), 0.0, 0.5, 1.0)
    far = detection("car", (0.0, 1.0, 11.0), 0.0, 0.9, 1.0)
    image = make_image(0, objects=[near, far], truth=[truth_box("car", (0.0, 1.0, 10.0), 0.0)])
    assert [match is not None for match in match_objects(image)] == [False, True]
    other = replace(image, truth=[truth_box("pedestrian", (0.0, 1.0, 10.0), 0.0)])
    assert match_objects(other) == [None, None]
    assert match_objects(replace(image, truth=None)) == [None, None]


def test_radius_limits_matches_but_not_known_ones():
    far = detection("car", (0.0, 1.0, 20.0), 0.0, 0.9, 1.0)
    truth = [truth_box("car", (0.0, 1.0, 10.0), 0.0)]
    assert match_objects(make_image(0, objects=[far], truth=truth)) == [None]
    known = make_image(0, objects=[replace(far, truth_index=0)], truth=truth)
    assert match_objects(known)[0].depth_error == pytest.approx(10.0)


def test_errors_are_measured_on_the_ground_of_a_tilted_camera():
    """Camera pitched down by 20 degrees: a difference along gravity is none on the ground."""
    tilt = Rotation.from_euler("x", 20, degrees=True).as_matrix()  # ground -> camera
    truth = truth_box("car", tuple(tilt @ [0.0, 1.0, 10.0]), 0.0)
    truth = replace(truth, rotation=(tilt @ np.array(truth.rotation)).tolist())
    found = detection("car", tuple(tilt @ [0.3, 1.5, 10.0]), 0.25, 0.9, 1.0)
    image = make_image(0, objects=[found], truth=[truth], camera_to_ground=tilt.T.tolist())
    (match,) = match_objects(image)
    np.testing.assert_allclose(match[1:4], [0.3, 0.0, 0.25], atol=1e-9)


def test_without_heading_errors_are_those_of_the_whole_pose():
    truth = truth_box("car", (0.0, 0.0, 5.0), 0.0)
    turned = Rotation.from_rotvec([0.1, 0.2, -0.2]).as_matrix()
    found = replace(
        detection("car", (0.1, 0.2, 5.2), 0.0, 1.0, 1.0), yaw=None, rotation=turned.tolist()
    )
    (match,) = match_objects(make_image(0, objects=[found], truth=[truth]))
    np.testing.assert_allclose([match.position_error, match.angle_error], [0.3, 0.3], atol=1e-9)


def test_size_error_is_one_minus_the_overlap():
    found = replace(detection("car", (0.0, 1.0, 10.0), 0.0, 1.0, 1.0), size=[2.0, 1.0, 1.0])
    truth = replace(truth_box("car", (0.0, 1.0, 10.0), 0.0), size=[1.0, 2.0, 1.0])
    (match,) = match_objects(make_image(0, objects=[found], truth=[truth]))
    assert match.size_error == pytest.approx(1 - 1 / 3)


def test_regions_of_a_normal_density_hold_what_they_say():
    """Share of a 2D normal inside radius r is 1 - exp(-r^2 / 2)."""
    axis = np.linspace(-5, 5, 401)
    density = np.exp(-0.5 * (axis[:, None] ** 2 + axis**2))
    for radius in (0.5, 1.0, 2.0):
        level = 1 - np.exp(-0.5 * radius**2)
        assert mass_above(density, np.exp(-0.5 * radius**2)) == pytest.approx(level, abs=2e-3)
        assert credible_threshold(density, level) == pytest.approx(
            np.exp(-0.5 * radius**2), rel=0.01
        )


def test_levels_of_true_places_are_uniform_for_a_calibrated_density():
    rng = np.random.default_rng(0)
    axis = np.linspace(-5, 5, 101)
    density = np.exp(-0.5 * axis**2)[:, None] * np.exp(-0.5 * (axis / 2) ** 2)
    places = rng.normal(size=(2000, 2)) * (2, 1)
    levels = np.sort(
        [mass_above(density, interpolate_plane(density, axis, axis, at)) for at in places]
    )
    uniform = np.arange(2000) / 2000
    assert np.abs(levels - uniform).max() < 1.63 / np.sqrt(2000)  # Kolmogorov, 1 %


def test_interpolation_on_circle_and_plane():
    density = np.arange(8.0)
    assert interpolate_circle(density, -np.pi) == 0
    assert interpolate_circle(density, -np.pi + 0.25 * np.pi * 2.5) == pytest.approx(2.5)
    assert interpolate_circle(density, np.pi - 0.125 * np.pi) == pytest.approx(3.5)  # 7 and 0
    grid = np.array([0.0, 1.0, 2.0])
    plane = grid[:, None] * 10 + grid  # at (z, x)
    assert interpolate_plane(plane, grid, grid, np.array([0.5, 1.5])) == pytest.approx(15.5)
    assert interpolate_plane(plane, grid, grid, np.array([2.0, 2.0])) == pytest.approx(22)
    assert interpolate_plane(plane, grid, grid, np.array([2.1, 0.0])) == 0
