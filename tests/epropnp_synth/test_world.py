"""Worlds are repeatable, have every class, and nothing stands in anything else."""

import itertools

import numpy as np
import pytest

from epropnp_synth.actors import SIZE_STATISTICS
from epropnp_synth.footprints import footprint_corners, footprints_overlap
from epropnp_synth.snapshot import take_snapshot
from epropnp_synth.world import build_world

DURATION = 12.0


@pytest.fixture(scope="module", params=[3, 61])
def world(request):
    return build_world(0, request.param, DURATION)


def test_every_class_is_there_more_than_once(world):
    names = [actor.class_name for actor in world.actors]
    assert min(names.count(name) for name in SIZE_STATISTICS) >= 3
    assert len({actor.name for actor in world.actors}) == len(world.actors)


def test_same_seed_same_world_other_seed_other_world(world):
    first, second = build_world(5, 1, DURATION), build_world(5, 1, DURATION)
    poses = [[a.pose_at(3.0) for a in w.actors] for w in (first, second)]
    assert poses[0] == poses[1]
    assert [a.look for a in first.actors] == [a.look for a in second.actors]
    assert [a.look for a in build_world(6, 1, DURATION).actors] != [a.look for a in first.actors]


@pytest.mark.parametrize("time", [0.0, 5.0, 12.0])
def test_nothing_overlaps(world, time):
    footprints = []
    for actor in world.actors:
        state = actor.motion.at(time)
        footprints.append(
            (actor.name, footprint_corners(state.x, state.y, state.yaw, *actor.size_lwh[:2]))
        )
    ego = world.ego.at(time)
    ahead = np.array([np.cos(ego.yaw), np.sin(ego.yaw)]) * 1.4  # the origin is the rear axle
    footprints.append(("ego", footprint_corners(*(ahead + ego[:2]), ego.yaw, 4.6, 1.9)))
    for (name_a, a), (name_b, b) in itertools.combinations(footprints, 2):
        if np.abs(a.mean(0) - b.mean(0)).max() < 16:
            assert not footprints_overlap(a, b), (name_a, name_b)


def test_attributes_follow_the_motion(world):
    for actor in world.actors:
        speed, attribute = actor.motion.at(4.0).speed, actor.attribute_at(4.0)
        if attribute in ("vehicle.moving", "pedestrian.moving"):
            assert speed > 0.4
        if attribute in ("vehicle.parked", "vehicle.stopped", "pedestrian.standing"):
            assert speed <= 0.4
        assert (attribute is None) == (actor.class_name in ("traffic_cone", "barrier"))


def test_snapshot_puts_meshes_where_the_boxes_are(world):
    snapshot = take_snapshot(world, 2.0)
    checked = 0
    for placed in snapshot.actors:
        above = np.add(placed.pose.translation, (0, 0, 50.0))
        down = np.array([[0.0, 0.0, -1.0]])
        hit = snapshot.caster.first_hit(above, down)
        if hit.geometry[0] == placed.geometry:
            height = placed.actor.size_lwh[2]
            assert 50 - height / 2 < hit.distance[0] < 50 + height / 2
            checked += 1
    assert checked > 0.7 * len(snapshot.actors)
