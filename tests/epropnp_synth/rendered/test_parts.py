"""Shadows, shading and backgrounds of the renderer on cases with a known answer."""

import cv2
import numpy as np
import pytest
import trimesh

from epropnp_data.bop.object_view import ObjectCaster
from epropnp_synth.rendered.backgrounds import (
    BackgroundError,
    Backgrounds,
    packaged_photographs,
    photographs_in,
)
from epropnp_synth.rendered.light import Lamp, Light, Material, shade


def scaled_sphere_pose(scale, center):
    pose = np.diag([scale, scale, scale, 1.0])
    pose[:3, 3] = center
    return pose


def test_sphere_shades_exactly_its_cylinder_of_points():
    caster = ObjectCaster(trimesh.creation.icosphere(subdivisions=5).triangles)
    pose = scaled_sphere_pose(0.2, (0.1, 0.0, 1.0))
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.5, 0.5, size=(4000, 3)) + np.array([0, 0, 1])
    toward = np.array([0.3, -0.9, -0.2])
    toward /= np.linalg.norm(toward)
    offset = pose[:3, 3] - points
    along = offset @ toward
    aside = np.sqrt(np.maximum((offset**2).sum(1) - along**2, 0))
    outside = np.linalg.norm(offset, axis=1) > 0.2
    clear = outside & (np.abs(aside - 0.2) > 2e-3)  # the polyhedron is inside the sphere
    expected = (aside < 0.2) & (along > 0)
    found = caster.blocks(pose, points, toward)
    np.testing.assert_array_equal(found[clear], expected[clear])
    assert 50 < expected[clear].sum() < 3000


def test_view_of_a_sphere_has_the_depth_of_a_sphere():
    caster = ObjectCaster(trimesh.creation.icosphere(subdivisions=6).triangles)
    cam_mat = np.array([[300.0, 0, 20], [0, 300, 10], [0, 0, 1]])
    view = caster.view(scaled_sphere_pose(0.1, (-0.05, 0, 1.0)), cam_mat, (-200, -200, 200, 200))
    v, u = np.nonzero(view.mask)
    rays = np.stack((u + view.left, v + view.top, np.ones_like(u)), 1) @ np.linalg.inv(cam_mat).T
    b = rays @ [-0.05, 0, 1.0]
    a = (rays**2).sum(1)
    root = b**2 - a * (0.0025 + 1 - 0.01)
    inside = root > 1e-4
    expected = (b - np.sqrt(np.maximum(root, 0))) / a
    np.testing.assert_allclose(view.depth[v, u][inside], expected[inside], atol=3e-4)
    # the silhouette of a sphere is an ellipse of this area (pinhole, nearly on the axis)
    assert view.mask.sum() == pytest.approx(np.pi * (300 * 0.1) ** 2 * 1.015, rel=0.03)
    assert view.left < 0


def test_shading_of_a_matte_surface_is_lamberts_law():
    lamp = Lamp(np.array([0.0, 0.0, -1.0]), np.array([0.5, 0.4, 0.3]), True)
    light = Light(np.array([0.2, 0.2, 0.2]), [lamp])
    angle = np.radians(60)
    normals = np.array([[0, np.sin(angle), -np.cos(angle)], [0, 0, 1.0]])  # the second is turned
    colors = np.ones((2, 3))
    lit = np.array([[1.0, 0.0]])
    points = np.array([[0.0, 0, 1], [0, 0, 1]])
    found = shade(light, Material(0.0, 10.0), colors, normals, points, lit)
    np.testing.assert_allclose(found, [[0.45, 0.4, 0.35], [0.2, 0.2, 0.2]])


def test_empty_folder_and_broken_picture_are_named(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(BackgroundError, match=f"{tmp_path}: no picture .*--backgrounds"):
        photographs_in(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(BackgroundError, match="broken.png: not a readable picture"):
        Backgrounds(photographs_in(tmp_path))


def test_backgrounds_have_the_asked_size_and_come_from_the_photographs(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((50, 400, 3), (10, 20, 30), np.uint8))
    pictures = Backgrounds(photographs_in(tmp_path))
    rng = np.random.default_rng(0)
    drawn = [pictures(rng, (48, 64)) for _ in range(20)]
    assert {p.shape for p in drawn} == {(48, 64, 3)}
    plain = [p for p in drawn if np.ptp(p[..., 0]) == 0]
    assert 8 <= len(plain) < 20  # seven in ten
    assert all(np.isin(np.rint(p[0, 0] * 255), (10, 20, 30)).all() for p in plain)


def test_packaged_photographs_exist():
    pytest.importorskip("skimage")
    paths = packaged_photographs()
    assert len(paths) >= 10
    assert all(path.is_file() for path in paths)
