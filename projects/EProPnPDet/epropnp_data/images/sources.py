"""Images of a folder, a file, a video or a camera, one by one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ..errors import SampleError
from .reading import read_image

IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"}
Wanted = Callable[[str], bool]


class SourceError(RuntimeError):
    """Images that cannot be read; the message names them."""


class Frame(NamedTuple):
    """One image.

    Attributes:
        name: unique within its source.
        path: its file; None for frames of videos and cameras.
        image: (h, w, 3) BGR, uint8.
    """

    name: str
    path: Path | None
    image: np.ndarray


class Source(NamedTuple):
    """Images to come.

    Attributes:
        names: of all images that are known beforehand; None for a camera.
        is_video: whether they follow each other in time.
        frames: reads the images for whose names a function is true.
    """

    names: list[str] | None
    is_video: bool
    frames: Callable[[Wanted], Iterator[Frame]]


def open_source(word: str, every: int = 1) -> Source:
    """Folder, image file, video file, or number of a camera.

    Args:
        word: path, or a whole number such as 0.
        every: take each so many-th frame of a video or camera.

    Raises:
        SourceError: nothing there, or of an unknown kind.
    """
    path = Path(word)
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGES)
        if not files:
            raise SourceError(f"{path}: no images in this folder ({', '.join(sorted(IMAGES))})")
        return _files({p.relative_to(path).as_posix(): p for p in files})
    if path.is_file() and path.suffix.lower() in IMAGES:
        return _files({path.name: path})
    if path.is_file() and path.suffix.lower() in VIDEOS:
        return _video(path, every)
    if word.isdigit() and not path.exists():
        return Source(
            None, True, lambda wanted: _frames(int(word), f"camera-{word}", every, wanted)
        )
    known = ", ".join(sorted(IMAGES | VIDEOS))
    raise SourceError(
        f"{word}: is neither a folder, an image or video file ({known}) nor the number of a camera"
    )


def _files(files: dict[str, Path]) -> Source:
    def read(wanted: Wanted) -> Iterator[Frame]:
        for name, path in files.items():
            if wanted(name):
                try:
                    image = read_image(path)
                except SampleError as error:
                    raise SourceError(f"{error}, or remove it") from None
                yield Frame(name, path, image)

    return Source(list(files), False, read)


def _video(path: Path, every: int) -> Source:
    capture = cv2.VideoCapture(str(path))
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    opened = capture.isOpened()
    capture.release()
    if not opened:
        raise SourceError(f"{path}: this OpenCV cannot read the video")
    names = [_frame_name(path.stem, index) for index in range(0, count, every)]
    return Source(names, True, lambda wanted: _frames(str(path), path.stem, every, wanted))


def _frames(device: int | str, stem: str, every: int, wanted: Wanted) -> Iterator[Frame]:
    capture = cv2.VideoCapture(device)
    if not capture.isOpened():
        raise SourceError(f"{device}: cannot be opened")
    try:
        index = 0
        while capture.grab():
            name = _frame_name(stem, index)
            if index % every == 0 and wanted(name):
                done, image = capture.retrieve()
                if done:
                    yield Frame(name, None, image)
            index += 1
    finally:
        capture.release()


def _frame_name(stem: str, index: int) -> str:
    return f"{stem}-{index:06d}"
