"""Cameras, lidar and visibility in worlds made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from epropnp_data.geometry.poses import Pose
from epropnp_data.nuscenes.taxonomy import CAMERAS, visibility_level
from epropnp_synth.actors import Actor
from epropnp_synth.lidar import scan
from epropnp_synth.motion import FollowLane, SpeedProfile, Still
from epropnp_synth.render import render_image
from epropnp_synth.rig import nuscenes_cameras, nuscenes_lidar
from epropnp_synth.road import Road
from epropnp_synth.snapshot import take_snapshot
from epropnp_synth.visibility import visible_fractions
from epropnp_synth.world import build_world

CAR, BUS = (4.6, 1.9, 1.7), (11.0, 2.9, 3.4)


def make_world(*placed):
    """World whose ego vehicle stands still at the origin, with actors ahead and no backdrop.

    ``placed`` are (class, size, x, y, yaw) in the ego frame.
    """
    road = Road(0.0, 0.0, 0.0, 1e-5, 300.0)
    actors = tuple(
        Actor(f"a{i}", name, size, "left", i, Still(x, y, yaw))
        for i, (name, size, x, y, yaw) in enumerate(placed)
    )
    ego = FollowLane(road, SpeedProfile.drive(0.0, 1.0), 0.0, 0.0, 1)
    return replace(build_world(0, 0, 1.0), road=road, ego=ego, actors=actors, props=())


def fractions(world):
    cameras = nuscenes_cameras(0.25)
    return visible_fractions(take_snapshot(world, 0.0), cameras, [world.ego_pose_at(0.0)] * 6)


def test_six_cameras_in_nuscenes_order_scaled_together():
    cameras = nuscenes_cameras(0.28)
    assert tuple(c.calibration.channel for c in cameras) == CAMERAS
    assert {c.size for c in cameras} == {(448, 252)}
    for small, full in zip(cameras, nuscenes_cameras(1.0), strict=True):
        np.testing.assert_allclose(small.intrinsic[:2], 0.28 * full.intrinsic[:2])
    with pytest.raises(ValueError, match="image scale"):
        nuscenes_cameras(0.0)


def test_camera_axes_are_level_and_look_outwards():
    for camera in nuscenes_cameras(1.0):
        rotation = camera.calibration.sensor_to_ego.matrix
        np.testing.assert_allclose(rotation[:, 1], [0, 0, -1], atol=1e-9)  # y points down
        position = np.asarray(camera.calibration.sensor_to_ego.translation)
        if camera.calibration.channel != "CAM_BACK":
            assert rotation[:2, 2] @ (position[:2] - [0.9, 0]) > 0


def test_pitched_cameras_look_down():
    """The direction straight ahead in the ground plane lies above the image's middle by tan 10."""
    for level, pitched in zip(nuscenes_cameras(1.0), nuscenes_cameras(1.0, 10.0), strict=True):
        ahead_ego = level.calibration.sensor_to_ego.matrix[:, 2]
        ahead = pitched.calibration.sensor_to_ego.matrix.T @ ahead_ego
        np.testing.assert_allclose(ahead[:2] / ahead[2], [0, -np.tan(np.radians(10))], atol=1e-9)
    with pytest.raises(ValueError, match=r"camera pitch.*60"):
        nuscenes_cameras(1.0, 60.0)


def test_rays_project_back_to_their_pixels():
    camera = nuscenes_cameras(0.5)[0]
    pixels = np.random.default_rng(0).uniform([0, 0], camera.size, (50, 2))
    rays = camera.rays(pixels)
    projected = rays @ camera.intrinsic.T
    np.testing.assert_allclose(projected[:, :2] / projected[:, 2:], pixels, atol=1e-3)


def test_image_changes_only_where_the_object_projects():
    world = make_world(("car", CAR, 20.0, 2.0, 0.5))
    light = replace(world.light, sun_direction=(0.0, 0.0, 1.0), sun=(0.0, 0.0, 1e-6))
    camera = nuscenes_cameras(0.4)[0]

    def shot(actors):
        snapshot = take_snapshot(replace(world, actors=actors, light=light), 0.0)
        pose = Pose.from_yaw(0.0, 0.0, 0.0)
        return render_image(snapshot, camera, pose, np.random.default_rng(0)).astype(int)

    changed = np.abs(shot(world.actors) - shot(())).max(-1) > 6
    signs = np.array(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5])).reshape(3, 8).T
    corners = world.actors[0].pose_at(0.0).apply(signs * CAR)
    points = camera.calibration.sensor_to_ego.apply_inverse(corners) @ camera.intrinsic.T
    pixels = points[:, :2] / points[:, 2:]
    rows, columns = np.nonzero(changed)
    low, high = pixels.min(0), pixels.max(0)
    assert len(rows) > 200
    assert (columns + 0.5 > low[0] - 1).all()
    assert (columns + 0.5 < high[0] + 1).all()
    assert (rows + 0.5 > low[1] - 1).all()
    assert (rows + 0.5 < high[1] + 1).all()
    assert np.ptp(columns) > 0.85 * (high[0] - low[0])


def test_free_object_is_fully_visible():
    assert fractions(make_world(("car", CAR, 20.0, 0.0, 0.3)))[0] == 1.0


def test_object_behind_a_bus_is_invisible_and_half_behind_is_in_between():
    across = ("bus", BUS, 12.0, 0.0, np.pi / 2)
    hidden = fractions(make_world(("traffic_cone", (0.4, 0.4, 1.0), 20.0, 2.0, 0.0), across))
    assert hidden[0] < 0.2  # what remains is seen below the bus
    # The near left edge of a bus further right, as the camera at x = 1.70 m sees it:
    aside = ("bus", BUS, 12.0, -4.0, np.pi / 2)
    edge = (5.5 - 4.0) * (30 - 1.7) / (12 - BUS[1] / 2 - 1.7)
    half = fractions(make_world(("car", CAR, 30.0, edge, np.pi / 2), aside))
    assert 0.35 < half[0] < 0.65
    assert half[1] == 1.0


def test_part_outside_every_image_does_not_count():
    """The front of a bus right beside the vehicle, in view of a camera, is all there is to see."""
    assert fractions(make_world(("bus", BUS, 4.0, 3.5, 0.0)))[0] > 0.95


@pytest.mark.parametrize(
    ("fraction", "level"), [(0.0, 1), (0.39, 1), (0.4, 2), (0.6, 3), (0.79, 3), (0.8, 4), (1.0, 4)]
)
def test_visibility_levels(fraction, level):
    assert visibility_level(fraction) == level


def test_lidar_points_lie_on_the_objects_they_name_and_on_the_ground():
    world = make_world(("car", CAR, 12.0, 3.0, 0.7), ("bus", BUS, -10.0, -4.0, 2.0))
    snapshot = take_snapshot(world, 0.0)
    pose = world.ego_pose_at(0.0)
    calibration = nuscenes_lidar()
    sweep = scan(snapshot, calibration, pose, np.random.default_rng(0))
    points = pose.apply(calibration.sensor_to_ego.apply(sweep.points[:, :3].astype(float)))
    assert sweep.points.dtype == np.float32
    assert set(np.unique(sweep.points[:, 4])) <= set(range(32))
    np.testing.assert_allclose(points[sweep.geometry == 0, 2], 0, atol=2e-3)
    for placed in snapshot.actors:
        own = points[sweep.geometry == placed.geometry]
        assert len(own) > 50
        local = placed.actor.pose_at(0.0).apply_inverse(own)
        assert (np.abs(local) < np.asarray(placed.actor.size_lwh) / 2).all()
