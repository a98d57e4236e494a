"""Resize, flip and crop: pixels, boxes and bookkeeping must tell the same story."""

import numpy as np
import pytest
from mmcv.transforms import Compose
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import CameraInstance3DBoxes

WIDTH, HEIGHT = 160, 90


def item(bboxes=(), truncation=None):
    """An image whose two channels hold the ori coordinates of each pixel's centre."""
    rows, cols = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    bboxes = np.array(bboxes, dtype=np.float32).reshape(-1, 4)
    count = len(bboxes)
    truncation = np.zeros(count) if truncation is None else np.array(truncation)
    areas = (bboxes[:, 2:] - bboxes[:, :2]).prod(1) / np.maximum(1 - truncation, 1e-4)
    boxes = np.tile([0.0, 1.0, 10.0, 4.0, 1.5, 2.0, 0.3], (count, 1))
    boxes[:, 0] = np.arange(count)
    return {
        "img": np.stack([cols, rows, 0 * rows], -1).astype(np.float32),
        "img_shape": (HEIGHT, WIDTH),
        "ori_shape": (HEIGHT, WIDTH),
        "img_transform": np.eye(3),
        "scale_factor": (1.0, 1.0),
        "flip": False,
        "gt_bboxes": bboxes,
        "gt_areas": areas,
        "gt_bboxes_3d": CameraInstance3DBoxes(boxes),
        "gt_labels_3d": np.arange(count) % 10,
        "attr_labels": np.arange(count) % 9,
        "velocities": np.arange(2.0 * count).reshape(-1, 2),
        "truncation": truncation,
        "visibility": np.full(count, 4),
        "points_obj": [np.full((i + 1, 3), i, dtype=np.float32) for i in range(count)],
        "points_uv": [np.full((i + 1, 2), i, dtype=np.float32) for i in range(count)],
    }


def run(results, *configs):
    return Compose([TRANSFORMS.build(config) for config in configs])(results)


RESIZE = {"type": "MonoResize", "scale": (240, 180), "keep_ratio": False}
SHRINK = {"type": "MonoResize", "scale": (120, 80)}
FLIP = {"type": "MonoFlip", "prob": 1.0}
CROP = {"type": "MonoCrop", "region": (10, 20, 90, 70)}
FRACTION = {"type": "MonoCrop", "region": (0, 228 / 900, 1, 1), "unit": "fraction"}


@pytest.mark.parametrize(
    "steps",
    [
        [RESIZE],
        [SHRINK],
        [FLIP],
        [CROP],
        [FLIP, CROP],
        [CROP, FLIP],
        [RESIZE, FLIP, CROP, SHRINK],
        [FLIP, FLIP],
    ],
    ids=lambda steps: "-".join(step["type"][4:] for step in steps),
)
def test_img_transform_leads_every_pixel_back_to_where_it_came_from(steps):
    out = run(item(), *steps)
    height, width = out["img"].shape[:2]
    assert out["img_shape"] == (height, width)
    rows, cols = np.mgrid[:height, :width] + 0.5
    aug = np.stack([cols, rows, np.ones_like(rows)], -1)
    ori = (aug @ np.linalg.inv(out["img_transform"]).T)[..., :2]
    border = 2 if any(step["type"] == "MonoResize" for step in steps) else 0
    inner = slice(border, height - border), slice(border, width - border)
    np.testing.assert_allclose(out["img"][..., :2][inner], ori[inner], atol=2e-3)
    assert out["flip"] == (sum(step is FLIP for step in steps) % 2 == 1)
    assert (np.linalg.det(out["img_transform"]) < 0) == out["flip"]


@pytest.mark.parametrize("steps", [[RESIZE], [SHRINK], [FLIP], [FLIP, RESIZE]])
def test_boxes_move_like_their_corners(steps):
    bboxes = np.array([[10.0, 20, 50, 60], [0, 0, 160, 90]])
    out = run(item(bboxes), *steps)
    corners = np.concatenate([bboxes.reshape(-1, 2, 2), np.ones((2, 2, 1))], -1)
    moved = (corners @ out["img_transform"].T)[..., :2]
    expected = np.concatenate([moved.min(1), moved.max(1)], 1)
    np.testing.assert_allclose(out["gt_bboxes"], expected, atol=1e-4)


def test_keep_ratio_uses_the_rounded_size():
    out = run(item(), {"type": "MonoResize", "scale": (101, 1000)})
    assert out["img_shape"] == (57, 101)
    np.testing.assert_allclose(np.diag(out["img_transform"]), [101 / 160, 57 / 90, 1])
    np.testing.assert_allclose(out["scale_factor"], [101 / 160, 57 / 90])


def test_flip_leaves_3d_alone_and_probability_zero_does_nothing():
    before = item([[10, 20, 50, 60]])
    out = run(item([[10, 20, 50, 60]]), FLIP)
    np.testing.assert_array_equal(out["gt_bboxes"], [[110, 20, 150, 60]])
    assert (out["gt_bboxes_3d"].tensor == before["gt_bboxes_3d"].tensor).all()
    np.testing.assert_array_equal(out["velocities"], before["velocities"])
    unchanged = run(item([[10, 20, 50, 60]]), {"type": "MonoFlip", "prob": 0.0})
    assert unchanged["flip"] is False
    np.testing.assert_array_equal(unchanged["img_transform"], np.eye(3))


def test_crop_filters_every_field_alike():
    # inside, half inside, 10 % inside, outside
    bboxes = [[20, 30, 60, 60], [0, 30, 20, 60], [0, 30, 11, 60], [100, 0, 120, 10]]
    out = run(item(bboxes), CROP)
    np.testing.assert_allclose(out["gt_bboxes"], [[10, 10, 50, 40], [0, 10, 10, 40]])
    np.testing.assert_array_equal(out["gt_labels_3d"], [0, 1])
    np.testing.assert_array_equal(out["attr_labels"], [0, 1])
    np.testing.assert_array_equal(out["velocities"], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(out["gt_bboxes_3d"].tensor[:, 0], [0, 1])
    assert [len(points) for points in out["points_obj"]] == [1, 2]
    assert [len(points) for points in out["points_uv"]] == [1, 2]
    assert len(out["truncation"]) == len(out["visibility"]) == len(out["gt_areas"]) == 2


@pytest.mark.parametrize(("inside", "kept"), [(0.21, True), (0.20, True), (0.19, False)])
def test_area_share_counts_from_the_untruncated_box(inside, kept):
    """A box truncated by half must keep twice the share of its visible area."""
    left = 10 - 40 * (1 - 2 * inside)  # 2 * inside of the visible area is right of x = 10
    bboxes = [[left, 30, left + 40, 60], [30, 30, 60, 60]]
    out = run(item(bboxes, truncation=[0.5, 0.0]), CROP)
    assert len(out["gt_bboxes"]) == (2 if kept else 1)


def test_resize_before_crop_does_not_change_who_stays():
    bboxes = [[20, 30, 60, 60], [0, 30, 20, 60], [0, 30, 11, 60]]
    region = {"type": "MonoCrop", "region": (1 / 16, 2 / 9, 9 / 16, 7 / 9), "unit": "fraction"}
    double = {"type": "MonoResize", "scale": (320, 180)}
    out = run(item(bboxes), double, region)
    np.testing.assert_array_equal(out["gt_labels_3d"], [0, 1])


def test_without_any_box_inside_another_image_is_drawn():
    assert run(item([[100, 0, 120, 10], [0, 80, 30, 90]]), CROP) is None


def test_boxes_inside_that_all_keep_too_little_leave_a_negative():
    out = run(item([[0, 30, 11, 60]]), CROP)
    assert out["gt_bboxes"].shape == (0, 4)
    assert len(out["gt_bboxes_3d"]) == 0
    assert out["points_obj"] == []


def test_images_without_annotations_pass_the_crop():
    assert run(item(), CROP)["gt_bboxes"].shape == (0, 4)
    bare = {key: value for key, value in item().items() if not key.startswith("gt_")}
    assert run(bare, CROP)["img_shape"] == (50, 80)


def test_fraction_crop_scales_the_published_window():
    out = run(item(), FRACTION)
    assert out["img_shape"] == (90 - round(22.8), 160)
    big = item()
    big["img"] = np.zeros((900, 1600, 3), np.uint8)
    big["img_shape"] = (900, 1600)
    assert run(big, FRACTION)["img_shape"] == (672, 1600)


@pytest.mark.parametrize("region", [(0, 0, 200, 90), (50, 0, 50, 90), (-1, 0, 10, 10)])
def test_crop_outside_the_image_is_refused(region):
    with pytest.raises(ValueError, match=r"does not fit the 160x90 image"):
        run(item(), {"type": "MonoCrop", "region": region})


def test_unknown_unit_is_refused():
    with pytest.raises(ValueError, match="unit is 'percent'"):
        TRANSFORMS.build({"type": "MonoCrop", "region": (0, 0, 1, 1), "unit": "percent"})
