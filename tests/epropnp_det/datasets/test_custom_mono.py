"""One's own images: what the network gets is what the file says."""

import cv2
import numpy as np
import pytest
import torch
from mmdet3d.registry import DATASETS

from custom_data import GROUND, custom_set, write_set
from epropnp_data.errors import DatasetError
from epropnp_data.geometry.boxes import box_corners
from epropnp_data.geometry.camera import project_points
from epropnp_data.images import move_pixels

PIPELINE = [
    dict(type="LoadMonoImage"),
    dict(type="LoadMonoAnnotations"),
    dict(type="PackMonoInputs"),
]


def build(folder, **options):
    settings = dict(data_root=str(folder), ann_file="set.json", pipeline=PIPELINE)
    return DATASETS.build(dict(type="CustomMonoDataset", _scope_="mmdet3d", **settings | options))


@pytest.fixture
def folder(tmp_path):
    return write_set(tmp_path)


def samples_of(dataset):
    return [dataset[index]["data_samples"] for index in range(len(dataset))]


def test_names_and_sizes_are_those_of_the_file(folder):
    info = build(folder).metainfo
    assert info["classes"] == ("crate", "robot")
    assert info["attributes"] == ("open", "shut")
    assert info["size_means"]["crate"] == pytest.approx((1.2, 1.0, 0.8))
    assert info["with_velocity"] is True
    settings = dict(data_root=str(folder), ann_file="set.json")
    dataset = DATASETS.get("CustomMonoDataset")
    assert dataset.read_metainfo(settings) == info
    assert dataset.has_annotations(settings)


def test_targets_are_the_objects_of_the_file(folder):
    level, tilted = samples_of(build(folder))
    assert "levelled_by" not in level.metainfo
    np.testing.assert_allclose(tilted.metainfo["levelled_by"], GROUND, atol=1e-6)
    first = level.gt_instances_3d
    assert first.labels_3d.tolist() == [0, 1]  # without the one to ignore
    assert first.attr_labels.tolist() == [1, -1]
    np.testing.assert_allclose(first.velocities, [[0.5, -1], [np.nan, np.nan]])
    np.testing.assert_allclose(first.bboxes_3d.gravity_center[0], [-1, 0.4, 8], atol=1e-6)
    np.testing.assert_allclose(first.bboxes_3d.yaw, [0.5, -2.0], atol=1e-6)
    box = tilted.gt_instances_3d.bboxes_3d  # in the levelled image
    np.testing.assert_allclose(box.gravity_center[0], [0.5, 0.3, 9], atol=1e-5)
    np.testing.assert_allclose(box.yaw, [2.5], atol=1e-6)
    np.testing.assert_allclose(box.dims[0], [1.2, 1.0, 0.8], atol=1e-6)


def test_2d_boxes_are_those_of_the_projected_corners(folder):
    """In the tilted image too, once its pixels have moved as those of the levelled one."""
    custom = custom_set(folder / "set.json")
    for sample, image in zip(samples_of(build(folder)), custom.images, strict=True):
        turn = np.eye(3) if image.gravity is None else GROUND
        motion = image.intrinsics @ turn @ np.linalg.inv(image.intrinsics)
        objects = [item for item in image.objects if not item.ignore]
        for item, bbox in zip(objects, sample.gt_instances_3d.bboxes, strict=True):
            corners = box_corners(item.center_cam[None], item.size_lhw[None], item.rotation[None])
            pixels = move_pixels(motion, project_points(corners[0], image.intrinsics))
            expected = np.concatenate([pixels.min(0), pixels.max(0)])
            np.testing.assert_allclose(bbox, expected, atol=1e-3)


def test_a_mark_on_an_object_is_where_its_target_is(folder):
    """White pixels where the object's centre projects, in the tilted image as it came."""
    image = custom_set(folder / "set.json").images[1]
    (item,) = image.objects
    pixel = project_points(item.center_cam, image.intrinsics)
    canvas = np.zeros((image.height, image.width, 3), np.uint8)
    cv2.circle(canvas, tuple(np.round(pixel - 0.5).astype(int).tolist()), 3, (255,) * 3, -1)
    cv2.imwrite(str(folder / image.file_name), canvas)
    found = build(folder)[1]
    rows, columns = np.nonzero(found["inputs"]["img"][0].numpy() > 128)
    mark = np.array([columns.mean(), rows.mean()]) + 0.5
    center = found["data_samples"].gt_instances_3d.bboxes_3d.gravity_center[0].double().numpy()
    np.testing.assert_allclose(project_points(center, image.intrinsics), mark, atol=1.0)


def test_some_classes_in_another_order(folder):
    dataset = build(folder, metainfo=dict(classes=("robot",)))
    (level,) = samples_of(dataset)  # the tilted image has no robot
    assert level.gt_instances_3d.labels_3d.tolist() == [0]
    with pytest.raises(ValueError, match=r"classes \['tram'\].*none of \('crate', 'robot'\)"):
        build(folder, metainfo=dict(classes=("robot", "tram")))


def test_images_without_annotations_can_be_tested_only(tmp_path):
    folder = write_set(tmp_path, annotated=False)
    steps = [PIPELINE[0], PIPELINE[2]]
    assert len(build(folder, test_mode=True, pipeline=steps)) == 2
    with pytest.raises(DatasetError, match=r"set\.json: has no annotations, which training needs"):
        build(folder)


def test_missing_and_resized_images_are_named(folder):
    cv2.imwrite(str(folder / "level.png"), np.zeros((100, 240, 3), np.uint8))
    (passed,) = build(folder)[0]["data_samples"].stands_in_for
    assert passed.source.endswith("level.png")
    assert passed.reason == "image is 240x100, annotated as 240x136"
    (folder / "tilted.png").unlink()
    with pytest.raises(DatasetError, match=r"tilted\.png: image is missing \(1 in.*set\.json"):
        build(folder)


def test_no_annotation_passes_the_filter(folder):
    with pytest.raises(DatasetError, match=r"set\.json: none of its images.*Loosen"):
        build(folder, annotation_filter=dict(min_size=1000))


def test_mirroring_moves_pixels_only(folder):
    mirrored = [*PIPELINE[:2], dict(type="MonoFlip", prob=1.0), PIPELINE[2]]
    for plain, flipped in zip(
        samples_of(build(folder)), samples_of(build(folder, pipeline=mirrored)), strict=True
    ):
        first, second = plain.gt_instances_3d, flipped.gt_instances_3d
        torch.testing.assert_close(first.bboxes_3d.tensor, second.bboxes_3d.tensor)
        width = plain.img_shape[1]
        torch.testing.assert_close(second.bboxes[:, 0], width - first.bboxes[:, 2])
