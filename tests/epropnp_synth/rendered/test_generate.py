"""Rendered scenes against their own geometry, computed another way; runs that stop and go on."""

import json
import shutil
from itertools import product

import cv2
import numpy as np
import pytest
import trimesh

from epropnp_6dof.datasets.raycast import MeshRaycaster
from epropnp_data.bop.mesh_file import MeshOptions
from epropnp_data.geometry.rigid import RigidPose
from epropnp_synth.rendered import (
    CameraSettings,
    Inputs,
    RenderSettings,
    ViewSettings,
    generate_scenes,
    read_model_set,
)
from epropnp_synth.rendered import generate as generate_module
from synthetic_bop import make_bop

CAMERA = CameraSettings(160, 120, 200.0, 210.0, 81.0, 58.0)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return read_model_set(make_bop(tmp_path_factory.mktemp("m") / "bop", num_test=0) / "models")


def inputs(models, photographs=(), **changes):
    view = ViewSettings(distance=(0.35, 0.8), table=changes.pop("table", 0.5))
    settings = dict(camera=CAMERA, num_train=3, num_val=1, objects_per_image=(2, 3), view=view)
    return Inputs(models, None, list(photographs), RenderSettings(**settings | changes))


@pytest.fixture(scope="module")
def made(models, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "scenes"
    assert generate_scenes(out, inputs(models, num_train=6))
    return out


def annotated(root):
    """Scene folder, image, instance index, true pose (metres), object id, info of all instances."""
    for scene in sorted(root.glob("*_rendered/*")):
        truths, infos = (
            json.loads((scene / f"{n}.json").read_text()) for n in ("scene_gt", "scene_gt_info")
        )
        for key, entries in truths.items():
            for index, entry in enumerate(entries):
                rotation = np.reshape(entry["cam_R_m2c"], (3, 3))
                pose = RigidPose(rotation, np.array(entry["cam_t_m2c"]) / 1000)
                yield scene, int(key), index, pose, entry["obj_id"], infos[key][index]


def read_mask(scene, kind, im_id, index):
    return cv2.imread(str(scene / kind / f"{im_id:06d}_{index:06d}.png"), cv2.IMREAD_GRAYSCALE) > 0


def test_masks_are_those_of_another_ray_caster(made, models):
    seen = 0
    for scene, im_id, index, pose, obj_id, _ in annotated(made):
        mesh = models.meshes[obj_id]
        map_ = MeshRaycaster(mesh.vertices, mesh.faces).render(pose, CAMERA.cam_mat, (120, 160), 0)
        whole = read_mask(scene, "mask", im_id, index)
        different = whole != map_.paste((120, 160))[1]
        assert different.sum() <= 0.01 * whole.sum() + 1  # rays through edges and vertices
        visible = read_mask(scene, "mask_visib", im_id, index)
        assert not (visible & ~whole).any()
        seen += int(visible.sum())
    assert seen > 5000


def test_depth_of_visible_pixels_is_that_of_the_posed_mesh(made, models):
    for scene, im_id, index, pose, obj_id, _ in annotated(made):
        mesh = models.meshes[obj_id]
        coords, hit = (
            MeshRaycaster(mesh.vertices, mesh.faces)
            .render(pose, CAMERA.cam_mat, (120, 160), 0)
            .paste((120, 160))
        )
        depth = cv2.imread(str(scene / "depth" / f"{im_id:06d}.png"), cv2.IMREAD_UNCHANGED) * 1e-4
        visible = read_mask(scene, "mask_visib", im_id, index) & hit
        z = pose.apply(coords[visible].astype(float))[:, 2]
        # rounded to 0.1 mm; a ray at grazing incidence on an edge may meet the other face
        error = np.abs(depth[visible] - z)
        assert (error < 1.5e-4).mean() > 0.99 if len(error) else True


def test_boxes_counts_and_visibility_follow_from_the_masks(made):
    truncated = occluded = 0
    for scene, im_id, index, _, _, info in annotated(made):
        whole = read_mask(scene, "mask", im_id, index)
        visible = read_mask(scene, "mask_visib", im_id, index)
        assert info["px_count_visib"] == visible.sum()
        assert info["px_count_valid"] == whole.sum()
        assert info["visib_fract"] == pytest.approx(visible.sum() / max(info["px_count_all"], 1))
        if visible.any():
            assert tuple(info["bbox_visib"]) == cv2.boundingRect(visible.astype(np.uint8))
        truncated += info["px_count_all"] > whole.sum()
        occluded += visible.sum() < whole.sum()
    assert truncated
    assert occluded


def test_table_scenes_are_upright_and_seen_from_the_asked_elevation(models, tmp_path):
    view = ViewSettings(distance=(0.5, 0.8), elevation_deg=(40, 50), roll_deg=10, table=1.0)
    settings = RenderSettings(CAMERA, num_train=4, num_val=0, objects_per_image=(3, 3), view=view)
    generate_scenes(tmp_path / "out", Inputs(models, None, [], settings))
    up = {}
    for _, im_id, _, pose, _, _ in annotated(tmp_path / "out"):
        toward_camera = -pose.rotation.T @ pose.translation / np.linalg.norm(pose.translation)
        up.setdefault(im_id, []).append(
            (pose.rotation[:, 2], np.degrees(np.arcsin(toward_camera[2])))
        )
    for entries in up.values():
        axes = np.array([axis for axis, _ in entries])
        np.testing.assert_allclose(axes, axes[[0]].repeat(len(axes), 0), atol=1e-9)
        assert all(20 < elevation < 75 for _, elevation in entries)  # beside the middle it differs


def tree(root):
    return {p.relative_to(root): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.fixture
def small_scenes(monkeypatch):
    monkeypatch.setattr(generate_module, "IMAGES_PER_SCENE", 1)


def test_number_of_processes_changes_nothing(models, tmp_path, small_scenes):
    for workers in (1, 3):
        generate_scenes(tmp_path / str(workers), inputs(models), workers)
    assert tree(tmp_path / "1") == tree(tmp_path / "3")


def test_stopped_run_goes_on_and_a_finished_one_is_reused(
    models, tmp_path, small_scenes, monkeypatch
):
    whole, out = tmp_path / "whole", tmp_path / "out"
    generate_scenes(whole, inputs(models))
    calls = []
    real = generate_module._render_unit

    def stop_after_two(unit):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(unit)
        return real(unit)

    monkeypatch.setattr(generate_module, "_render_unit", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        generate_scenes(out, inputs(models))
    assert not out.exists()
    monkeypatch.setattr(
        generate_module, "_render_unit", lambda unit: calls.append(unit) or real(unit)
    )
    assert generate_scenes(out, inputs(models))
    assert len(calls) == 4
    assert tree(out) == tree(whole)
    assert not generate_scenes(out, inputs(models))
    with pytest.raises(FileExistsError, match=r"other settings .*seed"):
        generate_scenes(out, inputs(models, seed=1))


def test_unfinished_work_of_other_settings_is_not_mixed_in(models, tmp_path, small_scenes):
    out, other = tmp_path / "out", tmp_path / "other"
    generate_scenes(other, inputs(models, seed=1))
    shutil.copytree(other, tmp_path / "out.partial")
    generate_scenes(out, inputs(models))
    assert json.loads((out / "made_with.json").read_text())["seed"] == 0
    first = next((out / "train_rendered").glob("*/rgb/*"))
    assert first.read_bytes() != (other / first.relative_to(out)).read_bytes()


def test_photographs_are_used(models, tmp_path):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.full((90, 120, 3), 77, np.uint8))
    plain, with_photo = tmp_path / "a", tmp_path / "b"
    generate_scenes(plain, inputs(models, num_val=0))
    generate_scenes(with_photo, inputs(models, [path], num_val=0))
    pictures = [sorted(root.glob("*/*/rgb/*.jpg")) for root in (plain, with_photo)]
    assert any(a.read_bytes() != b.read_bytes() for a, b in zip(*pictures, strict=True))


def test_own_mesh_is_centred_measured_and_symmetries_found(tmp_path):
    mesh = trimesh.creation.box(extents=(0.1, 0.06, 0.03))
    mesh.apply_translation((1, 2, 3))
    mesh.visual.vertex_colors = np.array([*product((0, 255), repeat=3)], np.uint8)
    mesh.export(tmp_path / "brick.ply")
    models = read_model_set(tmp_path / "brick.ply", MeshOptions(unit="m"))
    info = models.infos[1]
    assert info["name"] == "brick"
    assert info["diameter"] == pytest.approx(np.linalg.norm([100, 60, 30]), abs=1e-3)
    assert [info[f"min_{axis}"] for axis in "xyz"] == pytest.approx([-50, -30, -15], abs=1e-3)
    assert len(info["symmetries_discrete"]) == 3
    models.write(tmp_path / "models")
    again = read_model_set(tmp_path / "models")
    np.testing.assert_allclose(again.meshes[1].vertices, models.meshes[1].vertices, atol=1e-7)
    np.testing.assert_array_equal(again.meshes[1].colors, models.meshes[1].colors)
