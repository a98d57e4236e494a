"""Sizes and symmetries of meshes whose shape is known; meshes that are refused."""

import numpy as np
import pytest
import trimesh

from epropnp_data.bop.mesh_file import MeshError, MeshOptions, read_colored_mesh
from epropnp_data.bop.model_info import find_symmetries, model_info
from epropnp_synth.bop import build_object


def test_size_of_a_box():
    box = trimesh.creation.box(extents=(0.03, 0.04, 0.12))
    info = model_info(box.vertices, box.faces)
    assert info["diameter"] == pytest.approx(130)
    assert [info[f"min_{axis}"] for axis in "xyz"] == pytest.approx([-15, -20, -60])
    assert [info[f"size_{axis}"] for axis in "xyz"] == pytest.approx([30, 40, 120])


def test_box_has_three_half_turns_and_a_can_one_full_turn():
    box = trimesh.creation.box(extents=(0.03, 0.06, 0.12))
    turns = find_symmetries(box.vertices, box.faces)["symmetries_discrete"]
    assert [np.diag(np.reshape(t, (4, 4)))[:3].round().tolist() for t in turns] == [
        [1, -1, -1],
        [-1, 1, -1],
        [-1, -1, 1],
    ]
    can = trimesh.creation.cylinder(radius=0.03, height=0.1, sections=64)
    can.apply_translation((0.5, 0, 0))
    found = find_symmetries(can.vertices, can.faces)
    assert found["symmetries_continuous"] == [{"axis": [0, 0, 1], "offset": [500, 0, 0]}]


@pytest.mark.parametrize("name", ["house", "bird", "bracket"])
def test_shapes_without_symmetry_get_none(name):
    mesh = build_object(name, seed=0).mesh
    assert find_symmetries(np.asarray(mesh.vertices), np.asarray(mesh.faces)) == {}


def export(mesh, path):
    mesh.export(path)
    return path


def colored_box(size=(30, 40, 50)):
    box = trimesh.creation.box(extents=size)
    box.visual.vertex_colors = np.tile([10, 200, 30, 255], (8, 1))
    return box


def test_colours_and_unit_are_read(tmp_path):
    mesh = read_colored_mesh(export(colored_box(), tmp_path / "a.ply"))
    assert np.ptp(mesh.vertices, axis=0).tolist() == pytest.approx([0.03, 0.04, 0.05])
    np.testing.assert_allclose(mesh.colors, np.tile([10, 200, 30], (8, 1)) / 255)
    metres = export(colored_box((0.03, 0.04, 0.05)), tmp_path / "m.ply")
    again = read_colored_mesh(metres, MeshOptions(unit="m"))
    np.testing.assert_allclose(again.vertices, mesh.vertices, atol=1e-6)


def test_size_and_axis_can_be_said(tmp_path):
    path = export(colored_box((3, 4, 5)), tmp_path / "a.ply")
    upright = read_colored_mesh(path, MeshOptions(size_mm=100, up="y"))
    assert np.ptp(upright.vertices, axis=0).tolist() == pytest.approx([0.1, 0.06, 0.08])
    triangles = upright.triangles
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    outward = (normals * (triangles.mean(axis=1) - upright.center)).sum(axis=1)
    assert (outward > 0).all()  # a rotation, not a mirror image


def holes():
    box = colored_box()
    box.update_faces(np.arange(len(box.faces)) > 1)
    return box


@pytest.mark.parametrize(
    ("mesh", "message"),
    [
        (lambda: trimesh.creation.box(extents=(30, 40, 50)), "no colours.*--plain-colors"),
        (lambda: colored_box((0.03, 0.04, 0.05)), "looks like metres.*--unit"),
        (holes, r"has holes \(4 edges.*--allow-holes"),
        (lambda: trimesh.PointCloud(np.eye(3)), "no faces"),
    ],
)
def test_unfit_mesh_is_refused_by_name_and_remedy(tmp_path, mesh, message):
    path = export(mesh(), tmp_path / "thing.ply")
    with pytest.raises(MeshError, match=f"thing.ply: .*{message}"):
        read_colored_mesh(path)


def test_file_that_is_no_mesh_is_refused(tmp_path):
    path = tmp_path / "text.ply"
    path.write_text("nothing of the kind")
    with pytest.raises(MeshError, match="text.ply: not a readable mesh"):
        read_colored_mesh(path)
    with pytest.raises(MeshError, match="gone.ply: no such mesh"):
        read_colored_mesh(tmp_path / "gone.ply")
