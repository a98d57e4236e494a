"""Pictures joined to an mp4."""

from collections.abc import Iterable
from pathlib import Path

import cv2


def write_video(pictures: Iterable[Path], path: Path, fps: float) -> None:
    """Join pictures to a video of the first one's size; it appears complete or not at all.

    Args:
        pictures: at least one file; others than the first are resized to its size.
        path: mp4 file to write.
        fps: frames per second.
    """
    part = path.with_name(f".{path.stem}.part.mp4")
    writer, size = None, (0, 0)
    for picture in pictures:
        image = cv2.imread(str(picture))
        if writer is None:
            size = (image.shape[1] // 2 * 2, image.shape[0] // 2 * 2)
            writer = cv2.VideoWriter(str(part), cv2.VideoWriter_fourcc(*"mp4v"), fps, size)
        writer.write(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    writer.release()
    part.replace(path)
