"""KITTI's files: boxes of the plain file project where KITTI's own formula puts them."""

import cv2
import numpy as np
import pytest

from epropnp_data.custom import read_custom
from epropnp_data.errors import DatasetError
from epropnp_data.geometry.boxes import box_corners
from epropnp_data.geometry.camera import project_points
from epropnp_data.kitti import (
    KittiLabel,
    convert_split,
    read_calibration,
    read_labels,
    write_labels,
)
from epropnp_data.kitti.prepare import prepare_kitti

P2 = np.array([[721.5, 0, 609.6, 44.86], [0, 721.5, 172.9, 0.22], [0, 0, 1, 0.0027]])
LABELS = """\
Car 0.10 0 -1.50 500.0 170.0 620.0 230.0 1.50 1.70 4.20 -1.20 1.60 15.30 -1.57
Van 0.00 1 1.00 100.0 170.0 200.0 230.0 2.10 1.90 5.00 -9.00 1.70 20.00 0.40
Cyclist 0.00 3 1.00 700.0 170.0 730.0 230.0 1.70 0.60 1.80 3.00 1.65 22.00 2.00
Tram 0.00 2 1.00 700.0 170.0 730.0 230.0 3.70 2.60 19.80 3.00 1.65 42.00 2.00
DontCare -1 -1 -10 800.0 160.0 820.0 180.0 -1 -1 -1 -1000 -1000 -1000 -10
"""


@pytest.fixture
def root(tmp_path):
    for name in ("training/label_2", "training/calib", "training/image_2", "ImageSets"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "training/label_2/000007.txt").write_text(LABELS)
    line = "P2: " + " ".join(map(str, P2.ravel()))
    (tmp_path / "training/calib/000007.txt").write_text(f"P0: 1\n{line}\nR0_rect: 1\n")
    image = np.zeros((375, 1242, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "training/image_2/000007.png"), image)
    (tmp_path / "ImageSets/val.txt").write_text("000007\n")
    return tmp_path


def by_kitti(label):
    """Corners of a label, projected as the benchmark's own description does."""
    height, width, length = label.size_hwl
    x = length / 2 * np.array([1, 1, -1, -1, 1, 1, -1, -1])
    y = -height * np.array([0, 0, 0, 0, 1, 1, 1, 1])
    z = width / 2 * np.array([1, -1, -1, 1, 1, -1, -1, 1])
    cos, sin = np.cos(label.rotation_y), np.sin(label.rotation_y)
    turned = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]) @ np.stack([x, y, z])
    points = turned + np.array(label.location)[:, None]
    pixels = P2 @ np.vstack([points, np.ones(8)])
    return (pixels[:2] / pixels[2]).T


def test_boxes_project_where_the_benchmark_puts_them(root):
    (image,) = convert_split(root, "val", root / "x.json").images
    labels = read_labels(root / "training/label_2/000007.txt")[:3]
    for item, label in zip(image.objects, labels, strict=True):
        corners = box_corners(item.center_cam[None], item.size_lhw[None], item.rotation[None])[0]
        pixels, expected = project_points(corners, image.intrinsics), by_kitti(label)
        for pixel in pixels:  # the orders of the corners differ
            assert np.abs(expected - pixel).sum(1).min() < 1e-6
        np.testing.assert_allclose(item.bbox, label.bbox)


def test_classes_and_what_is_neutral(root):
    custom = convert_split(root, "val", root / "x.json")
    assert custom.vocabulary.classes == ("Car", "Pedestrian", "Cyclist")
    car, van, cyclist = custom.images[0].objects
    assert (car.label, car.ignore, car.visibility) == (0, False, 1.0)
    assert (van.label, van.ignore, van.visibility) == (0, True, 0.7)
    assert (cyclist.label, cyclist.ignore, cyclist.visibility) == (2, False, None)


def test_labels_are_written_as_they_are_read(root, tmp_path):
    labels = read_labels(root / "training/label_2/000007.txt")
    write_labels(tmp_path / "again.txt", labels)
    assert read_labels(tmp_path / "again.txt") == labels
    scored = [labels[0]._replace(score=0.25)]
    write_labels(tmp_path / "again.txt", scored)
    assert read_labels(tmp_path / "again.txt") == scored
    assert KittiLabel.region("DontCare", labels[4].bbox) == labels[4]


def test_plain_files_are_written_once(root, capsys):
    (path,) = prepare_kitti(root)
    assert path == root / "kitti_val.json"
    assert len(read_custom(path).images[0].objects) == 3
    before = path.stat().st_mtime_ns
    prepare_kitti(root)
    assert path.stat().st_mtime_ns == before
    assert "already there" in capsys.readouterr().out
    prepare_kitti(root, overwrite=True)
    assert path.stat().st_mtime_ns > before


def test_split_without_labels_has_no_annotations(root):
    (root / "training").rename(root / "testing")
    (root / "ImageSets/val.txt").rename(root / "ImageSets/test.txt")
    (path,) = prepare_kitti(root)
    assert not read_custom(path).is_annotated


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("training/label_2/000007.txt", None, "000007.txt: no such label file"),
        ("training/label_2/000007.txt", "Car 1 2\n", "line 1 is 'Car 1 2', expected a name and 14"),
        ("training/calib/000007.txt", None, "no such calibration file"),
        ("training/calib/000007.txt", "P2: 1 2\n", "P2 is '1 2', expected a 3 x 4"),
        ("training/calib/000007.txt", "P0: 1\n", "no line P2"),
        ("training/image_2/000007.png", None, "000007.png: image is missing"),
        ("ImageSets/val.txt", "", "val.txt: no list of images"),
    ],
)
def test_what_is_missing_or_wrong_is_named(root, name, content, message):
    (root / name).unlink()
    if content is not None:
        (root / name).write_text(content)
    with pytest.raises(DatasetError, match=message):
        convert_split(root, "val", root / "x.json")
    (root / "ImageSets/val.txt").unlink(missing_ok=True)
    with pytest.raises(DatasetError, match="ImageSets: no lists of images"):
        prepare_kitti(root)


def test_camera_of_the_images_stands_beside_the_reference(root):
    camera = read_calibration(root / "training/calib/000007.txt")
    np.testing.assert_allclose(camera.intrinsics @ camera.offset, P2[:, 3])
