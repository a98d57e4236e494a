"""A film of a small generated scene."""

import sys

import cv2
import pytest

import infer_nuscenes_sequence
from nuscenes_data import nuscenes_root
from small_checkpoint import CONFIG, checkpoint

__all__ = ["checkpoint", "nuscenes_root"]


@pytest.fixture
def run(repo_dir, checkpoint, nuscenes_root, tmp_path, monkeypatch):
    def call(*options):
        words = ["sequence", repo_dir / CONFIG, checkpoint, "--data-root", f"{nuscenes_root}/"]
        words += ["--out-dir", tmp_path / "out", "--width", 160, *options]
        monkeypatch.setattr(sys, "argv", [str(word) for word in words])
        infer_nuscenes_sequence.main()
        return tmp_path / "out"

    return call


def test_scene_becomes_a_film(run):
    folder = run("--max-frames", 1)
    (film,) = folder.glob("*.mp4")
    video = cv2.VideoCapture(str(film))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 1
    (picture,) = (folder / "surround").iterdir()
    height, width = cv2.imread(str(picture)).shape[:2]
    assert (video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (
        width // 2 * 2,
        height // 2 * 2,
    )
    assert len(list((folder / "images").glob("*.json"))) == 6


def test_unknown_scenes_are_said(run):
    with pytest.raises(SystemExit, match="scene-9999: not a scene of the test split; there are"):
        run("--scene", "scene-9999")
