"""Worlds and images that are harder to see."""

import json
from dataclasses import replace

import numpy as np
import pytest

from epropnp_data.geometry.poses import Pose
from epropnp_synth.difficulty import Optics, Scenery
from epropnp_synth.factory import ActorFactory
from epropnp_synth.generate import LATER, Settings, generate
from epropnp_synth.motion import Still
from epropnp_synth.render import render_image
from epropnp_synth.rig import nuscenes_cameras
from epropnp_synth.snapshot import actor_mesh, take_snapshot
from epropnp_synth.world import build_world

TINY = Settings("v1.0-mini", scenes=2, samples_per_scene=1, image_scale=0.05, seed=7)


def standing(scenery):
    actors = build_world(0, 0, 5.0, scenery).actors
    return [actor for actor in actors if isinstance(actor.motion, Still)]


def test_crowding_multiplies_what_stands():
    usual = len(standing(Scenery()))
    assert standing(Scenery(crowding=0.0)) == []
    assert 1.5 * usual < len(standing(Scenery(crowding=2.0))) < 2.5 * usual


def test_object_scale_is_a_factor_of_every_side():
    usual, small = (
        ActorFactory(np.random.default_rng(3), Scenery(object_scale=scale)).draw("car", "left")
        for scale in (1.0, 0.5)
    )
    np.testing.assert_allclose(small, 0.5 * np.array(usual), atol=0.5e-3)


def test_without_marks_an_object_has_its_shape_and_one_colour():
    actors = standing(Scenery())
    for marked in (next(a for a in actors if a.class_name == name) for name in ("car", "barrier")):
        bare = actor_mesh(replace(marked, marked=False))
        mesh = actor_mesh(marked)
        np.testing.assert_array_equal(bare.triangles, mesh.triangles)
        assert len(np.unique(mesh.colors, axis=0)) > 1
        assert len(np.unique(bare.colors, axis=0)) == 1
        np.testing.assert_allclose(bare.colors[0], mesh.colors.mean(0))
        assert not bare.surface.any()
    assert not any(actor.marked for actor in standing(Scenery(marks=False)))


@pytest.fixture(scope="module")
def shoot():
    """Photograph one street with given optics."""
    world = build_world(0, 0, 1.0)
    snapshot, camera = take_snapshot(world, 0.0), nuscenes_cameras(0.1)[0]

    def shot(**optics):
        rng = np.random.default_rng(0)
        pose = world.ego_pose_at(0.0)
        return render_image(snapshot, camera, pose, rng, Optics(**optics)).astype(float) / 255

    return shot


def test_noise_has_the_stated_deviation(shoot):
    clean, noisy = shoot(noise=0.0), shoot(noise=0.04)
    inner = (clean > 0.25) & (clean < 0.75)  # six deviations from black and white
    error = (noisy - clean)[inner]
    # grey noise of 0.04 and colour noise of half of it; 5 % are four deviations of the estimate
    assert inner.sum() > 5000
    assert np.std(error) == pytest.approx(0.04 * np.sqrt(1.25), rel=0.05)


def test_blur_keeps_the_light_and_takes_the_edges(shoot):
    sharp, soft = shoot(noise=0.0), shoot(noise=0.0, blur=1.5)
    assert soft.mean() == pytest.approx(sharp.mean(), abs=0.01)
    assert np.abs(np.diff(soft, axis=1)).mean() < 0.7 * np.abs(np.diff(sharp, axis=1)).mean()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(crowding=-1.0), r"crowding must lie in \[0, 5\], got -1"),
        (dict(object_scale=0.0), "object scale must lie in"),
        (dict(noise=2.0), "noise must lie in"),
        (dict(blur=-1.0), "blur must lie in"),
    ],
)
def test_numbers_out_of_range_are_refused_before_any_work(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        generate(tmp_path / "set", replace(TINY, **settings), 1)
    assert not (tmp_path / "set").exists()


def test_a_usual_set_does_not_mention_what_it_has_not(tmp_path):
    out = tmp_path / "set"
    generate(out, TINY, 1)
    assert not set(json.loads((out / "made_with.json").read_text())) & set(LATER)
    with pytest.raises(FileExistsError, match="noise"):
        generate(out, replace(TINY, noise=0.1), 1)


def test_the_ego_vehicle_keeps_its_place_in_a_crowd():
    """Nothing that stands may be where the ego vehicle drives."""
    world = build_world(0, 0, 5.0, Scenery(crowding=2.0))
    path = [np.asarray(world.ego_pose_at(t).translation)[:2] for t in np.linspace(0, 5, 50)]
    for actor in world.actors:
        if isinstance(actor.motion, Still):
            place: Pose = actor.pose_at(0.0)
            gap = np.linalg.norm(np.asarray(place.translation)[:2] - path, axis=1).min()
            assert gap > max(actor.size_lwh[1] / 2, 1.0)
