"""One's own images in one command: files, resuming, videos, cameras that are missing."""

import json
import sys

import cv2
import numpy as np
import pytest

import infer_images
from epropnp_results import ResultsFolder
from small_checkpoint import CONFIG, checkpoint

__all__ = ["checkpoint"]


@pytest.fixture
def run(repo_dir, checkpoint, tmp_path, monkeypatch):
    """Call the command; returns its results folder."""

    def call(source, *options):
        words = ["infer_images", source, "--config", repo_dir / CONFIG, "--checkpoint", checkpoint]
        words += ["--out-dir", tmp_path / "out", "--score-thr", 0.05, *options]
        monkeypatch.setattr(sys, "argv", [str(word) for word in words])
        infer_images.main()
        return ResultsFolder(tmp_path / "out", [tmp_path])

    return call


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index, size in enumerate([(448, 252), (448, 252), (320, 240)]):
        coarse = rng.integers(0, 255, (12, 20, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), cv2.resize(coarse, size))
    return folder


def test_folder_becomes_json_arrays_and_pictures(run, photos):
    results = run(photos, "--fov", 65, "--batch-size", 2)
    records = {result.name: result for result in results}
    assert set(records) == {"0.png", "1.png", "2.png"}
    assert records["0.png"].objects[0].intervals[1]["level"] == 0.9
    assert records["2.png"].width == 320
    assert results.image_path(records["1.png"]) == photos / "1.png"
    assert len(results.arrays("0.png")["weights"]) == len(records["0.png"].objects)
    pictures = sorted((results.path / "pictures").iterdir())
    assert len(pictures) == 3
    assert cv2.imread(str(pictures[0])).shape[0] == 2 * 252


def test_interrupted_runs_go_on_and_settings_must_not_change(run, photos, capsys):
    results = run(photos, "--fov", 65, "--max-images", 1)
    assert len(results) == 1
    (first,) = (results.path / "images").glob("*.json")
    before = first.stat().st_mtime_ns
    assert len(run(photos, "--fov", 65)) == 3
    assert "1 of 3 images are done already" in capsys.readouterr().out
    assert first.stat().st_mtime_ns == before
    with pytest.raises(SystemExit, match=r"fov = 65.*now it is 50"):
        run(photos, "--fov", 50)


def test_video_becomes_a_video(run, tmp_path):
    path = tmp_path / "drive.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 5, (320, 180))
    rng = np.random.default_rng(0)
    for _ in range(4):
        coarse = rng.integers(0, 255, (12, 20, 3), dtype=np.uint8)
        writer.write(cv2.resize(coarse, (320, 180)))
    writer.release()
    results = run(path, "--fov", 65, "--every", 2, "--views", "boxes", "bev")
    assert len(results) == 2
    assert all(results.image_path(result).is_file() for result in results)
    video = cv2.VideoCapture(str(results.path / "video.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 2
    assert video.get(cv2.CAP_PROP_FRAME_WIDTH) == 2 * (320 + 180)


def test_distorted_and_tilted_cameras(run, photos, tmp_path):
    camera = dict(fx=400, fy=400, cx=160, cy=120, distortion=[-0.2, 0.05, 0, 0])
    (tmp_path / "K.json").write_text(json.dumps(camera))
    options = ["--intrinsics", tmp_path / "K.json", "--horizon", 80, "--no-pictures"]
    (record,) = run(photos / "2.png", *options)
    assert record.image.startswith("frames")  # the straightened image is kept
    ahead = np.array(record.camera_to_ground).T @ [0, 0, 1]
    assert 120 + 400 * ahead[1] / ahead[2] == pytest.approx(80)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "neither --intrinsics nor --fov is given.*Calibrate"),
        (["--intrinsics", "K.json"], r"K\.json: no such file"),
        (["--intrinsics", 400, 400, 800, 126], "800, 126 lies outside the 448x252 image"),
        (["--fov", 65, "--checkpoint", "nothing.pth"], r"no checkpoint nothing\.pth"),
    ],
)
def test_what_is_missing_is_said(run, photos, options, message):
    with pytest.raises(SystemExit, match=message):
        run(photos, *options)


def test_missing_images_are_said(run, tmp_path):
    with pytest.raises(SystemExit, match=r"infer_images: .*nothing: is neither"):
        run(tmp_path / "nothing", "--fov", 65)
