"""Images of folders, files and videos."""

import cv2
import numpy as np
import pytest

from epropnp_data.images import SourceError, open_source


def write(path, value=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((48, 64, 3), value, np.uint8))


def test_folder_with_folders_in_order(tmp_path):
    for name in ("b.png", "a/2.jpg", "a/10.PNG"):
        write(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    source = open_source(str(tmp_path))
    assert source.names == ["a/10.PNG", "a/2.jpg", "b.png"]
    assert not source.is_video
    frames = list(source.frames(lambda name: name.startswith("a/")))
    assert [frame.name for frame in frames] == ["a/10.PNG", "a/2.jpg"]
    assert frames[0].path == tmp_path / "a/10.PNG"
    assert frames[0].image.shape == (48, 64, 3)


def test_one_image(tmp_path):
    write(tmp_path / "b.png")
    assert open_source(str(tmp_path / "b.png")).names == ["b.png"]


def test_video_by_frames(tmp_path):
    path = tmp_path / "drive.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 5, (64, 48))
    for value in range(0, 250, 50):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()
    source = open_source(str(path), every=2)
    assert source.is_video
    assert source.names == ["drive-000000", "drive-000002", "drive-000004"]
    frames = list(source.frames(lambda name: name != "drive-000002"))
    assert [frame.name for frame in frames] == ["drive-000000", "drive-000004"]
    assert frames[1].path is None
    assert frames[1].image.mean() == pytest.approx(200, abs=6)


@pytest.mark.parametrize("name", ["nothing", "notes.txt", "empty", "broken.avi"])
def test_what_is_no_source_is_named(tmp_path, name):
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "broken.avi").write_text("no video")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=name):
        open_source(str(tmp_path / name))


def test_broken_image_is_named(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(SourceError, match=r"a\.png: not a readable image"):
        list(open_source(str(tmp_path)).frames(lambda name: True))
