"""Bad image files: for each kind what is said of it, or as what it is read."""

import os

import cv2
import numpy as np
import pytest

from epropnp_data.errors import DatasetError, SampleError
from epropnp_data.images import SourceError, open_source
from epropnp_data.images.reading import read_image

SIZE = (60, 90)  # height, width


def picture(channels=3, dtype=np.uint8):
    rng = np.random.default_rng(0)
    top = np.iinfo(dtype).max
    return rng.integers(0, top, (*SIZE, channels), dtype=dtype, endpoint=True).squeeze()


def encode(image, ending):
    return cv2.imencode(ending, image)[1].tobytes()


def cut(ending, share):
    data = encode(picture(), ending)
    return data[: int(len(data) * share)]


def with_exif(data, orientation):
    """A JPEG with an EXIF block that holds nothing but an orientation."""
    tiff = b"II*\0\x08\0\0\0" + b"\x01\0" + b"\x12\x01\x03\0\x01\0\0\0"
    block = b"Exif\0\0" + tiff + bytes([orientation, 0, 0, 0]) + b"\0\0\0\0"
    return data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:]


def bomb(ending):
    """A small file that says it holds 65535 x 65535 pixels."""
    data, size = encode(picture(), ending), [(n).to_bytes(4, "big") for n in SIZE[::-1]]
    if ending == ".png":
        return data.replace(b"".join(size), (65535).to_bytes(4, "big") * 2)
    return data.replace(size[1][2:] + size[0][2:], b"\xff" * 4)


THUMBNAIL = encode(picture()[:8, :8], ".jpg")  # its end mark stands before the picture's
TRUNCATED = "not a readable image .the JPEG is truncated.*Restore"
REFUSED = {
    "empty": (b"", "not a readable image .the file is empty.*Restore"),
    "text": (b"<html>404 Not Found</html>", "not a readable image .damaged, or of no known kind"),
    "zeros": (bytes(5000), "not a readable image .damaged"),
    "jpeg header alone": (cut(".jpg", 0.05), TRUNCATED),
    "jpeg cut in the middle": (cut(".jpg", 0.5), TRUNCATED),
    "jpeg without its last bytes": (
        encode(picture(), ".jpg")[:-2],
        TRUNCATED,
    ),
    "jpeg cut, with a whole thumbnail": (
        cut(".jpg", 0.5)[:2]
        + b"\xff\xe1"
        + (len(THUMBNAIL) + 2).to_bytes(2, "big")
        + THUMBNAIL
        + cut(".jpg", 0.5)[2:],
        TRUNCATED,
    ),
    "bomb, jpeg": (bomb(".jpg"), "not a readable image .it claims to be 65535x65535"),
    "bomb, png": (bomb(".png"), "not a readable image .it claims to be 65535x65535"),
    "png cut in the middle": (cut(".png", 0.5), "not a readable image .damaged"),
    "webp cut in the middle": (cut(".webp", 0.5), "not a readable image .damaged"),
    "bmp cut in the middle": (cut(".bmp", 0.5), "not a readable image .damaged"),
}
READ = {  # ending, contents, largest distance from the picture
    "whole jpeg": (encode(picture(), ".jpg"), None),
    "jpeg with bytes behind its end": (encode(picture(), ".jpg") + bytes(100), None),
    "grey": (encode(picture(1), ".png"), np.repeat(picture(1)[..., None], 3, axis=2)),
    "16 bit": (encode(picture(dtype=np.uint16), ".png"), picture(dtype=np.uint16) >> 8),
    "transparency": (encode(picture(4), ".png"), picture(4)[..., :3]),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_damaged_files_are_refused_by_name(tmp_path, kind):
    contents, message = REFUSED[kind]
    (tmp_path / "photo.jpg").write_bytes(contents)
    with pytest.raises(SampleError, match=rf"photo\.jpg: {message}"):
        read_image(tmp_path / "photo.jpg")
    with pytest.raises(SourceError, match=rf"photo\.jpg: {message}.*or remove it"):
        list(open_source(str(tmp_path)).frames(lambda name: True))


@pytest.mark.parametrize("kind", READ)
def test_unusual_files_are_read_as_8_bit_colour(tmp_path, kind):
    contents, expected = READ[kind]
    (tmp_path / "photo").write_bytes(contents)
    image = read_image(tmp_path / "photo")
    assert image.shape == (*SIZE, 3)
    assert image.dtype == np.uint8
    if expected is not None:
        np.testing.assert_allclose(image.astype(int), expected.astype(int), atol=1)  # rounding


def test_a_picture_is_turned_upright_as_its_exif_entry_says(tmp_path):
    data = encode(picture(), ".jpg")
    (tmp_path / "photo.jpg").write_bytes(with_exif(data, 6))
    upright = read_image(tmp_path / "photo.jpg")
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(upright, cv2.rotate(stored, cv2.ROTATE_90_CLOCKWISE))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.symlink_to(path), "symbolic links"),
    ],
    ids=["missing", "folder", "link to itself"],
)
def test_what_is_no_file(tmp_path, make, message):
    make(tmp_path / "photo.jpg")
    with pytest.raises(SampleError, match=rf"photo\.jpg: image is missing.*{message}"):
        read_image(tmp_path / "photo.jpg")


@pytest.mark.parametrize("name", ["é" * 500 + ".jpg", "a\0b.jpg"], ids=["too long", "zero byte"])
def test_names_that_no_file_can_have(tmp_path, name):
    with pytest.raises(SampleError, match="image is missing or not readable"):
        read_image(os.path.join(tmp_path, name))


def test_unicode_and_deep_paths_are_read(tmp_path):
    folder = tmp_path / "日本 ü" / ("x" * 200) / ("y" * 200)
    folder.mkdir(parents=True)
    (folder / "ø.png").write_bytes(encode(picture(), ".png"))
    np.testing.assert_array_equal(read_image(folder / "ø.png"), picture())


def test_a_bad_sample_is_a_data_error_that_names_file_and_reason():
    error = SampleError("a.jpg", "is empty")
    assert isinstance(error, DatasetError)
    assert (str(error), error.source, error.reason) == ("a.jpg: is empty", "a.jpg", "is empty")
