"""Crop geometries: exact positions, and the recorded quirks of the published one."""

import numpy as np
import pytest

from epropnp_6dof.datasets.crop_geometry import (
    BoxJitter,
    ContinuousCrop,
    CropBox,
    PublishedCrop,
    find_geometry,
)


def ramps(height=480, width=640):
    """Image whose channels are the continuous u, v of the pixel centres."""
    v, u = np.mgrid[:height, :width]
    return np.stack((u + 0.5, v + 0.5), -1).astype(np.float32)


@pytest.mark.parametrize("size", [50.3, 128.0, 301.7])
def test_continuous_crop_samples_exactly_where_its_grid_says(size):
    box = CropBox(np.array([300.25, 222.6]), size)
    geometry = ContinuousCrop()
    grid = geometry.grid(box, 64, (480, 640))
    crop = geometry.image(ramps(), box, 64)
    cells = np.stack(np.meshgrid(np.arange(64), np.arange(64)), -1)
    expected = grid.origin + grid.step * cells
    np.testing.assert_allclose(crop, expected, atol=0.04)  # OpenCV interpolates in 1/32 pixels
    assert np.abs((crop - expected).mean()) < 0.01
    np.testing.assert_allclose(expected.mean(axis=(0, 1)), box.center)


def test_continuous_targets_are_exact_inside_and_nearest_at_the_outline():
    coords = np.concatenate((ramps(), np.ones((480, 640, 1), np.float32)), -1) / 1000
    mask = np.zeros((480, 640), bool)
    mask[200:260, 280:340] = True
    box = CropBox(np.array([311.3, 229.9]), 77.7)
    geometry = ContinuousCrop()
    grid = geometry.grid(box, 64, mask.shape)
    target, known = geometry.targets(coords, mask, box, 64)
    cells = grid.origin + grid.step * np.stack(np.meshgrid(np.arange(64), np.arange(64)), -1)
    inside = np.all((cells > (280, 200)) & (cells < (340, 260)), axis=-1)
    np.testing.assert_array_equal(known > 0, inside)
    error = np.abs(target[..., :2] * 1000 - cells)[inside]
    assert error.max() <= 0.5 + 1e-3
    deep = np.all((cells > (281, 201)) & (cells < (339, 259)), axis=-1)
    np.testing.assert_allclose(target[deep][:, :2] * 1000, cells[deep], atol=1e-3)
    assert (target[~inside] == 0).all()


def test_continuous_targets_do_not_blend_across_a_depth_edge():
    coords = np.zeros((40, 40, 3), np.float32)
    coords[:, 20:, 0] = 0.1
    coords[..., 1] = np.linspace(0, 0.05, 40)[:, None]
    target, _ = ContinuousCrop().targets(
        coords, np.ones((40, 40), bool), CropBox(np.array([20.0, 20.0]), 33.3), 64
    )
    assert set(np.unique(target[..., 0])) == {np.float32(0), np.float32(0.1)}


def test_continuous_intrinsics_move_integer_centres_by_half_a_pixel():
    cam_mat = np.array([[500.0, 0, 319], [0, 500, 239], [0, 0, 1]])
    moved = ContinuousCrop().intrinsics(cam_mat, pixel_center=0.0)
    np.testing.assert_array_equal(moved[:2, 2], [319.5, 239.5])
    np.testing.assert_array_equal(ContinuousCrop().intrinsics(cam_mat, 0.5), cam_mat)
    np.testing.assert_array_equal(PublishedCrop().intrinsics(cam_mat, 0.0), cam_mat)


@pytest.mark.parametrize(
    ("center", "size", "axis", "shift"),
    [
        ((20, 240), 100, 0, 14),
        ((320, 10), 100, 1, 19),
        ((320, 470), 100, 1, -20),
        ((620, 240), 100, 0, 0),
        ((320, 240), 640, 1, -1),
    ],
)
def test_published_grid_has_the_measured_shift_against_its_window(center, size, axis, shift):
    box = CropBox(np.array(center, float), size)
    geometry = PublishedCrop()
    start = geometry._window(box)[axis]
    grid = geometry.grid(box, 64, (480, 640))
    assert grid.origin[axis] - start == shift
    assert grid.step == size / 64


def test_published_grid_lies_half_a_pixel_lower_for_odd_sizes():
    geometry = PublishedCrop()
    for size, offset in ((100, 0), (101, -0.5)):
        box = CropBox(np.array([320.0, 240.0]), size)
        left, top, _ = geometry._window(box)
        np.testing.assert_array_equal(
            geometry.grid(box, 64, (480, 640)).origin, [left + offset, top + offset]
        )


def test_published_targets_come_from_the_floor_index():
    coords = np.concatenate((ramps() - 0.5, np.ones((480, 640, 1), np.float32)), -1)
    mask = np.ones((480, 640), bool)
    box = CropBox(np.array([320.0, 240.0]), 100)
    target, weight = PublishedCrop().targets(coords, mask, box, 64)
    left, top, size = PublishedCrop._window(box)
    index = np.floor(np.arange(64) * size / 64)
    np.testing.assert_array_equal(target[0, :, 0], left + index)
    np.testing.assert_array_equal(target[:, 0, 1], top + index)
    assert (weight == 1).all()
    grid = PublishedCrop().grid(box, 64, mask.shape)
    above = grid.origin[0] + grid.step * np.arange(64) - target[0, :, 0]
    assert above.mean() == pytest.approx(0.47, abs=0.01)


def test_published_outline_takes_the_median():
    coords = np.zeros((20, 20, 3), np.float32)
    coords[5:15, 5:15] = 2
    coords[5, 10] = 9  # an outlier on the outline, and one inside
    coords[10, 10] = 9
    box = CropBox(np.array([10.0, 10.0]), 20)
    target, _ = PublishedCrop().targets(coords, coords[..., 0] > 0, box, 20)
    assert target[5, 10, 0] == 2
    assert target[10, 10, 0] == 9


@pytest.mark.parametrize("geometry", ["continuous", "published"])
def test_crop_outside_the_image_is_black(geometry):
    box = CropBox(np.array([-200.0, 30.0]), 100)
    crop = find_geometry(geometry).image(np.full((480, 640, 3), 7, np.uint8), box, 32)
    assert crop.shape == (32, 32, 3)
    assert (crop == 0).all()


def test_jitter_has_the_published_range_and_cap():
    jitter = BoxJitter()
    rng = np.random.default_rng(0)
    boxes = [jitter((100, 50, 80, 40), rng) for _ in range(2000)]
    sizes = np.array([box.size for box in boxes]) / 120
    assert (sizes.min() > 0.75) & (sizes.max() < 1.25)
    assert np.ptp(sizes) > 0.49
    shifts = np.array([box.center for box in boxes]) - (140, 70)
    np.testing.assert_allclose(np.abs(shifts).max(axis=0), (20, 10), rtol=0.02)
    assert abs(np.corrcoef(shifts.T)[0, 1]) < 0.1
    assert jitter((0, 0, 600, 100), None).size == 640
    fixed = jitter((100, 50, 80, 40), None)
    assert fixed.size == 120
    np.testing.assert_array_equal(fixed.center, (140, 70))


def test_unknown_geometry_is_named():
    with pytest.raises(ValueError, match="geometry='old'"):
        find_geometry("old")
