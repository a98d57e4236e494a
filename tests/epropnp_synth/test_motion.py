"""Road coordinates and motions: derivatives by finite differences."""

import numpy as np
import pytest

from epropnp_synth.motion import FollowLane, SpeedProfile
from epropnp_synth.road import Road


@pytest.mark.parametrize("curvature", [1 / 160, -1 / 160, 1e-4, -1e-4])
def test_road_coordinates_invert_locate(curvature):
    road = Road(50.0, -20.0, 2.5, curvature, 400.0)
    rng = np.random.default_rng(0)
    wanted = np.stack([rng.uniform(-20, 420, 40), rng.uniform(-50, 50, 40)], 1)
    points = np.array([road.locate(s, d)[:2] for s, d in wanted])
    station, offset = road.coordinates(points)
    np.testing.assert_allclose(np.stack([station, offset], 1), wanted, atol=1e-6)


def test_left_of_the_road_is_left_of_its_heading():
    road = Road(0.0, 0.0, 0.3, -1 / 200, 100.0)
    x0, y0, heading = road.locate(40.0, 0.0)
    x1, y1, _ = road.locate(40.0, 2.0)
    left = np.array([-np.sin(heading), np.cos(heading)])
    np.testing.assert_allclose([x1 - x0, y1 - y0], 2 * left, atol=1e-9)


def test_profile_stops_when_told_and_speed_is_the_derivative():
    profile = SpeedProfile.drive(8.0, 20.0, stop=(6.0, 10.0))
    assert profile.distance(0.0) == 0.0
    assert profile.speed(8.0) == 0.0
    assert profile.speed(2.0) == pytest.approx(8.0)
    for time in (1.0, 4.7, 5.5, 8.0, 11.3, 15.0):
        slope = (profile.distance(time + 0.1) - profile.distance(time - 0.1)) / 0.2
        assert slope == pytest.approx(profile.speed(time), abs=0.05)


@pytest.mark.parametrize("direction", [1, -1])
def test_vehicle_moves_along_its_heading_at_its_speed(direction):
    road = Road(0.0, 0.0, 1.0, 1 / 170, 300.0)
    motion = FollowLane(road, SpeedProfile.drive(9.0, 10.0), 120.0, -5.25, direction)
    before, now, after = (motion.at(t) for t in (3.9, 4.0, 4.1))
    velocity = np.array([after.x - before.x, after.y - before.y]) / 0.2
    heading = np.array([np.cos(now.yaw), np.sin(now.yaw)])
    np.testing.assert_allclose(velocity, now.speed * heading, atol=0.02)
