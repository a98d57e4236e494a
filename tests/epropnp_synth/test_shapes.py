"""Meshes fill their boxes, and their backs differ from their fronts."""

import numpy as np
import pytest

from epropnp_data.raycast import RayCaster
from epropnp_synth.actors import SIZE_STATISTICS, draw_size
from epropnp_synth.mesh import Material, ball, limb, prism
from epropnp_synth.shapes import build_shape

POSTURES = {
    "bicycle": ("ridden", "left"),
    "motorcycle": ("ridden", "left"),
    "pedestrian": ("walking", "standing", "sitting"),
}
CASES = [(name, p) for name in SIZE_STATISTICS for p in POSTURES.get(name, ("left",))]


@pytest.mark.parametrize(("class_name", "posture"), CASES)
def test_mesh_fills_its_box_from_within(class_name, posture):
    rng = np.random.default_rng(1)
    for seed in range(8):
        size = draw_size(class_name, posture, rng)
        low, high = build_shape(class_name, size, posture, seed).bounds
        np.testing.assert_allclose(high, np.array(size) / 2 - 0.01, atol=1e-9)
        np.testing.assert_allclose(low, -np.array(size) / 2 + 0.01, atol=1e-9)


def test_same_seed_gives_the_same_mesh_and_another_seed_another_one():
    size = (4.6, 1.9, 1.7)
    first, second = (build_shape("car", size, "left", seed) for seed in (3, 3))
    np.testing.assert_array_equal(first.triangles, second.triangles)
    np.testing.assert_array_equal(first.colors, second.colors)
    other = build_shape("car", size, "left", 4)
    assert first.colors.shape != other.colors.shape or not np.array_equal(
        first.colors, other.colors
    )


def seen_colors(mesh, size, side):
    """Colours on a grid of parallel rays towards the object, ``side`` +1 from its front."""
    y, z = np.meshgrid(np.linspace(-0.5, 0.5, 60) * size[1], np.linspace(-0.5, 0.5, 60) * size[2])
    origins = np.stack([0 * y + side * (size[0] / 2 + 1), y, z], -1).reshape(-1, 3)
    directions = np.broadcast_to([-side, 0.0, 0.0], origins.shape)
    hits = RayCaster([mesh.triangles]).first_hit(origins, directions)
    return mesh.colors[hits.triangle[hits.geometry >= 0]]


@pytest.mark.parametrize(
    ("class_name", "posture"), [case for case in CASES if case[0] != "traffic_cone"]
)
def test_front_and_back_look_different(class_name, posture):
    mean = SIZE_STATISTICS[class_name][0]
    for seed in range(5):
        mesh = build_shape(class_name, mean, posture, seed)
        front, back = (seen_colors(mesh, mean, side) for side in (1, -1))
        shares = []
        for colors in (front, back):
            histogram = np.histogramdd(np.sqrt(colors), bins=5, range=[(0, 1)] * 3)[0].ravel()
            shares.append(histogram / histogram.sum())
        assert 0.5 * np.abs(shares[0] - shares[1]).sum() > 0.02


@pytest.mark.parametrize("class_name", ["car", "truck", "bus", "trailer", "bicycle", "motorcycle"])
def test_red_lamps_are_behind(class_name):
    mean = SIZE_STATISTICS[class_name][0]
    lamp = np.array([0.85, 0.01, 0.01])
    for seed in range(5):
        mesh = build_shape(class_name, mean, "left", seed)
        count = [np.isclose(seen_colors(mesh, mean, side), lamp).all(1).sum() for side in (1, -1)]
        assert count[1] > count[0]


def test_parts_have_the_volume_of_the_solids_they_stand_for():
    """Divergence theorem with outward normals: all parts are convex here."""
    grey = Material((0.5, 0.5, 0.5))

    def volume(mesh):
        center = mesh.triangles.reshape(-1, 3).mean(0)
        return np.abs(np.linalg.det(mesh.triangles - center)).sum() / 6

    square = [(0, 0), (2, 0), (2, 1), (0, 1)]
    assert volume(prism(square, -1, 2, grey)) == pytest.approx(6)
    assert volume(limb((0, 0, 0), (0, 3, 0), 0.5, grey, sides=200)) == pytest.approx(
        np.pi * 0.25 * 3, rel=1e-3
    )
    assert volume(ball((1, 2, 3), (1, 2, 3), grey, rings=60, sides=120)) == pytest.approx(
        4 / 3 * np.pi * 6, rel=5e-3
    )
