"""The whole generator: repeatable, all or nothing, official scene names."""

import hashlib
from dataclasses import replace

import pytest
from nuscenes.nuscenes import NuScenes
from nuscenes.utils import splits

from epropnp_data.nuscenes.splits import choose_scene_names, official_splits
from epropnp_data.staging import is_finished, staged
from epropnp_synth.generate import Settings, generate

TINY = Settings("v1.0-mini", scenes=2, samples_per_scene=2, image_scale=0.05, seed=7)


def digest(root):
    """Hash of all files of a folder, by name."""
    files = sorted(p for p in root.rglob("*") if p.is_file())
    return {str(p.relative_to(root)): hashlib.md5(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The tiny set, made by one worker."""
    out = tmp_path_factory.mktemp("synthetic") / "set"
    assert generate(out, TINY, 1)
    return out


def test_result_does_not_depend_on_the_workers(made, tmp_path):
    generate(tmp_path / "set", TINY, 2)
    assert digest(tmp_path / "set") == digest(made)


def test_seed_changes_every_image_but_other_scenes_change_none(made, tmp_path):
    generate(tmp_path / "seed", replace(TINY, seed=8), 1)
    generate(tmp_path / "more", replace(TINY, scenes=3), 1)
    base, seed, more = (digest(path) for path in (made, tmp_path / "seed", tmp_path / "more"))
    images = [name for name in base if name.endswith(".jpg")]
    assert len(images) == 2 * 2 * 6
    assert all(base[name] == more[name] != seed[name] for name in images)


def test_finished_set_is_reused_and_other_settings_are_refused(made):
    assert not generate(made, TINY, 2)
    with pytest.raises(FileExistsError, match="seed: there 7, asked 8"):
        generate(made, replace(TINY, seed=8), 1)


def test_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="choose another folder"):
        generate(tmp_path, TINY, 1)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_interrupted_run_leaves_no_result_and_the_next_one_starts_anew(tmp_path):
    out = tmp_path / "set"

    def interrupted():
        with staged(out, {"seed": 1}) as folder:
            (folder / "half.jpg").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not out.exists()
    with staged(out, {"seed": 1}) as folder:
        assert not list(folder.iterdir())
    assert is_finished(out, {"seed": 1})


def test_a_second_start_does_not_touch_the_files_of_the_first(tmp_path):
    out = tmp_path / "set"
    with staged(out, {"seed": 1}) as folder:
        (folder / "made.jpg").write_text("made")
        with (
            pytest.raises(FileExistsError, match="another process is working"),
            staged(out, {"seed": 1}),
        ):
            pass
        assert (folder / "made.jpg").is_file()
    assert {path.name for path in out.iterdir()} == {"made.jpg", "made_with.json"}
    assert not out.with_name("set.partial").exists()


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
