"""The whole generator: repeatable, all or nothing, official scene names."""

import hashlib
from dataclasses import replace

import pytest
from nuscenes.nuscenes import NuScenes
from nuscenes.utils import splits

from epropnp_synth.generate import Settings, generate
from epropnp_synth.splits import choose_scene_names, official_splits

TINY = Settings("v1.0-mini", scenes=2, samples_per_scene=2, image_scale=0.05, seed=7)


def digest(root):
    """Hash of all files of a folder, by name."""
    files = sorted(p for p in root.rglob("*") if p.is_file())
    return {str(p.relative_to(root)): hashlib.md5(p.read_bytes()).hexdigest() for p in files}


def test_result_depends_on_the_seed_but_not_on_the_workers(tmp_path):
    for name, settings, workers in (
        ("a", TINY, 1),
        ("b", TINY, 2),
        ("c", replace(TINY, seed=8), 1),
    ):
        assert generate(tmp_path / name, settings, workers)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert digest(tmp_path / "a") != digest(tmp_path / "c")


def test_a_scene_looks_the_same_whatever_others_exist(tmp_path):
    generate(tmp_path / "two", TINY, 1)
    generate(tmp_path / "three", replace(TINY, scenes=3), 1)
    two, three = digest(tmp_path / "two"), digest(tmp_path / "three")
    images = [name for name in two if name.endswith(".jpg")]
    assert len(images) == 2 * 2 * 6
    assert all(two[name] == three[name] for name in images)


def test_finished_set_is_reused_and_other_settings_are_refused(tmp_path):
    out = tmp_path / "set"
    assert generate(out, TINY, 1)
    assert not generate(out, TINY, 2)
    with pytest.raises(FileExistsError, match="seed: there 7, asked 8"):
        generate(out, replace(TINY, seed=8), 1)


def test_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="choose another folder"):
        generate(tmp_path, TINY, 1)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_interrupted_run_leaves_no_result(tmp_path, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("epropnp_synth.generate.write_tables", fail)
    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path / "set", TINY, 1)
    assert not (tmp_path / "set").exists()
    monkeypatch.undo()
    assert generate(tmp_path / "set", TINY, 1)


def test_test_version_has_no_annotations(tmp_path):
    generate(tmp_path / "set", replace(TINY, version="v1.0-test"), 1)
    nusc = NuScenes("v1.0-test", str(tmp_path / "set"), verbose=False)
    assert len(nusc.sample) == 4
    assert not nusc.sample_annotation
    assert not nusc.instance
    assert {scene["name"] for scene in nusc.scene} <= set(splits.test)


def test_mini_splits_are_the_official_ones():
    assert official_splits("v1.0-mini") == (tuple(splits.mini_train), tuple(splits.mini_val))
    assert official_splits("v1.0-trainval") == (tuple(splits.train), tuple(splits.val))


def test_every_split_gets_scenes():
    for count in range(2, 11):
        names = choose_scene_names("v1.0-mini", count)
        assert len(set(names)) == count
        assert set(names) & set(splits.mini_train)
        assert set(names) & set(splits.mini_val)
    assert len(choose_scene_names("v1.0-trainval", 850)) == 850
    with pytest.raises(ValueError, match="2 to 10 scenes, got 11"):
        choose_scene_names("v1.0-mini", 11)
