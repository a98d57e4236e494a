"""Overlap of upright boxes against a closed form, mmcv and counting points."""

import numpy as np
import pytest
import torch
from mmcv.ops import box_iou_rotated

from epropnp_data.geometry.boxes import yaw_to_rotation
from epropnp_det.evaluation.overlap import footprints, overlap_3d, size_overlap


def random_boxes(count, seed):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(count, 3)) * [1.0, 0.3, 1.0] + [0, 0, 10]
    return centers, rng.uniform(1, 3, (count, 3)), rng.uniform(-4, 4, count)


def test_shifted_boxes_have_a_closed_form():
    first = (np.array([[0.0, 0, 10]]), np.array([[4.0, 2, 2]]), np.array([0.0]))
    places = np.array([[1.0, 0.5, 11], [9, 0, 10], [0, 3, 10]])  # one beside, one below
    second = (places, np.array([[4.0, 2, 2]] * 3), np.zeros(3))
    shared = 3 * 1.5 * 1
    np.testing.assert_allclose(overlap_3d(first, second), [[shared / (32 - shared), 0, 0]])


def test_footprints_are_those_of_the_rotation():
    centers, dims, yaws = random_boxes(5, 0)
    for outline, *box in zip(footprints(centers, dims, yaws), centers, dims, yaws, strict=True):
        corner = box[0] + yaw_to_rotation(box[2]) @ (0.5 * box[1])
        points = np.array(outline.exterior.coords)
        assert np.linalg.norm(points - corner[[0, 2]], axis=1).min() < 1e-9


def test_like_mmcv_in_the_plane():
    """Equal heights: the volumes' overlap is that of the footprints; mmcv counts in float32."""
    first, second = random_boxes(20, 1), random_boxes(15, 2)
    for centers, dims, _ in (first, second):
        centers[:, 1], dims[:, 1] = 0, 2
    rectangles = [
        torch.from_numpy(np.column_stack([c[:, [0, 2]], d[:, [0, 2]], -y])).float()
        for c, d, y in (first, second)
    ]
    expected = box_iou_rotated(*rectangles).numpy()
    assert (expected > 0.2).sum() > 10
    np.testing.assert_allclose(overlap_3d(first, second), expected, atol=1e-4)


def test_like_counting_points():
    """Share of points of a lattice: 60 per axis, so about one in sixty of an edge is off."""
    steps = (np.arange(60) + 0.5) / 60 - 0.5
    lattice = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    first, second = random_boxes(6, 3), random_boxes(6, 4)
    values = np.diagonal(overlap_3d(first, second))
    assert (values > 0.05).sum() >= 3
    for value, *pair in zip(values, *first, *second, strict=True):
        center, dims, yaw, other, other_dims, other_yaw = pair
        points = center + lattice * dims @ yaw_to_rotation(yaw).T
        local = (points - other) @ yaw_to_rotation(other_yaw)
        shared = (np.abs(local) <= 0.5 * other_dims).all(1).mean() * dims.prod()
        expected = shared / (dims.prod() + other_dims.prod() - shared)
        assert value == pytest.approx(expected, abs=0.01)


def test_sizes_alone():
    assert size_overlap(np.array([[2.0, 2, 2]]), np.array([[1.0, 2, 4]]))[0] == pytest.approx(1 / 3)
    assert size_overlap(np.ones((1, 3)), np.ones((1, 3)))[0] == 1
