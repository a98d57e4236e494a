"""Photographs of streets: boxes lie where the camera sees them, the same at every run."""

import cv2
import numpy as np
import pytest

from epropnp_data.custom import read_custom
from epropnp_data.geometry.boxes import box_corners
from epropnp_data.geometry.camera import clip_edges, project_points
from epropnp_data.images.cameras import ground_rotation, rotation_from_gravity
from epropnp_data.kitti import convert_split, read_labels
from epropnp_synth.street import StreetSettings, generate_street


@pytest.fixture(scope="module", params=["custom", "kitti"])
def made(request, tmp_path_factory):
    settings = StreetSettings(request.param, train=1, val=1, image_scale=0.15)
    root = tmp_path_factory.mktemp("street") / "data"
    assert generate_street(root, settings)
    return settings, root


def sets_of(settings, root):
    if settings.layout == "custom":
        return [read_custom(root / f"{split}.json") for split in ("train", "val")]
    return [convert_split(root, split, root / "x.json") for split in ("train", "val")]


def test_boxes_fill_their_2d_boxes(made):
    count = 0
    for custom in sets_of(*made):
        for image in custom.images:
            picture = cv2.imread(str(made[1] / image.file_name))
            assert picture.shape[:2] == (image.height, image.width)
            for item in image.objects:
                corners = box_corners(
                    item.center_cam[None], item.size_lhw[None], item.rotation[None]
                )
                points = clip_edges(corners[0]).reshape(-1, 3)
                pixels = np.clip(
                    project_points(points, image.intrinsics), 0, (image.width, image.height)
                )
                expected = np.concatenate([pixels.min(0), pixels.max(0)])
                np.testing.assert_allclose(item.bbox, expected, atol=0.02)
                count += 1
    assert count > 4


def test_cameras_and_gravity(made):
    train, val = sets_of(*made)
    cameras = {image.camera for image in train.images}
    if made[0].layout == "kitti":
        assert cameras == {"image_2"}
        return
    assert cameras == {"level", "tilted"}
    (tilted,) = (image for image in train.images if image.camera == "tilted")
    np.testing.assert_allclose(
        rotation_from_gravity(tilted.gravity), ground_rotation(12), atol=1e-8
    )
    ground = rotation_from_gravity(tilted.gravity)
    for item in tilted.objects:
        np.testing.assert_allclose(ground @ item.rotation[:, 1], [0, 1, 0], atol=1e-6)
        bottom = ground @ item.center_cam + [0, 0.5 * item.size_lhw[1], 0]
        assert bottom[1] == pytest.approx(2.2, abs=1e-6)  # metres below the camera
    assert {image.file_name for image in train.images}.isdisjoint(i.file_name for i in val.images)


def test_labels_of_kitti_stand_on_the_ground(made):
    settings, root = made
    if settings.layout != "kitti":
        pytest.skip("no labels in this layout")
    labels = [each for path in (root / "training/label_2").iterdir() for each in read_labels(path)]
    standing = [label for label in labels if label.kind != "DontCare"]
    assert {label.location[1] for label in standing} == {1.65}
    for label in standing:
        ray = np.arctan2(label.location[0], label.location[2])
        turned = label.rotation_y - ray - label.alpha
        assert np.cos(turned) == pytest.approx(1, abs=1e-6)


def test_the_same_settings_make_the_same_files(made, tmp_path):
    settings, root = made
    assert not generate_street(root, settings)
    again = tmp_path / "again"
    generate_street(again, settings)
    files = [path for path in root.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert path.read_bytes() == (again / path.relative_to(root)).read_bytes()
    with pytest.raises(FileExistsError, match="image_scale"):
        generate_street(root, StreetSettings(settings.layout, 1, 1, 0.2))


def test_settings_out_of_range_are_refused(tmp_path):
    with pytest.raises(ValueError, match="layout is 'coco'"):
        generate_street(tmp_path / "a", StreetSettings("coco"))
    with pytest.raises(ValueError, match="at least 1"):
        generate_street(tmp_path / "a", StreetSettings("kitti", train=0))
