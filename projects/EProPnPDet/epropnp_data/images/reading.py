"""Image files, read whole or refused."""

from pathlib import Path

import cv2
import numpy as np

from ..errors import SampleError

JPEG_START, JPEG_SCAN, JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers of segments that state the size
PNG_START = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS = 2**28  # a few bytes can claim more, and take minutes and all memory


def read_image(path: str | Path, flags: int = cv2.IMREAD_COLOR) -> np.ndarray:
    """Image of a file, by default (h, w, 3) BGR uint8, turned upright as its EXIF entry says.

    Grey images are repeated, more than 8 bits are rounded down, transparency is dropped. OpenCV
    fills what is missing of a truncated JPEG with grey; here such a file is refused.

    Args:
        path: the file.
        flags: OpenCV's, for example ``cv2.IMREAD_GRAYSCALE``.

    Raises:
        SampleError: it is missing, truncated or no image.
    """
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise SampleError(path, f"image is missing or not readable ({_text(error)})") from None
    if not data:
        raise SampleError(path, "not a readable image (the file is empty). Restore it")
    width, height = stated_size(data)
    if width * height > MAX_PIXELS:
        raise SampleError(path, f"not a readable image (it claims to be {width}x{height})")
    if is_truncated_jpeg(data):
        raise SampleError(path, "not a readable image (the JPEG is truncated). Restore it")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:  # for example more pixels than OpenCV allows
        raise SampleError(path, f"not a readable image ({error.err}). Restore it") from None
    if image is None:
        raise SampleError(path, "not a readable image (damaged, or of no known kind). Restore it")
    return image


def is_truncated_jpeg(data: bytes) -> bool:
    """Whether the contents of a file are a JPEG whose last scan does not end."""
    if not data.startswith(JPEG_START):
        return False
    return data.rfind(JPEG_END) <= max(data.rfind(JPEG_SCAN), 0)


def stated_size(data: bytes) -> tuple[int, int]:
    """Width and height that the head of a JPEG or PNG states; zero for other files."""
    if data.startswith(PNG_START):
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    place = 2 if data.startswith(JPEG_START) else len(data)
    while place + 9 < len(data) and data[place] == 0xFF:
        if data[place + 1] in JPEG_FRAMES:
            height, width = data[place + 5 : place + 7], data[place + 7 : place + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return 0, 0


def _text(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
