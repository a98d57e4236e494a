"""Frames, checked against the devkit's boxes and mmdet3d's."""

import numpy as np
import pytest
import torch
from mmdet3d.structures import CameraInstance3DBoxes
from nuscenes.utils.data_classes import Box
from pyquaternion import Quaternion

from epropnp_data.geometry.boxes import (
    CORNER_SIGNS,
    EDGES,
    OBJECT_TO_NUSCENES,
    box_corners,
    nuscenes_rotation_to_yaw,
    rotation_to_yaw,
    yaw_to_nuscenes_rotation,
    yaw_to_rotation,
)
from epropnp_data.geometry.camera import project_points
from epropnp_data.geometry.rigid import invert_rigid, rigid_matrix, transform_points


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def random_poses(rng, count):
    quaternions = rng.normal(size=(count, 4))
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    return quaternions, rng.normal(scale=30, size=(count, 3))


def test_rigid_matrix_inverse_and_points_agree_with_devkit_box(rng):
    for quaternion, translation in zip(*random_poses(rng, 5), strict=True):
        center = rng.normal(size=3)
        box = Box(center, [1, 1, 1], Quaternion())
        box.rotate(Quaternion(quaternion))
        box.translate(translation)
        matrix = rigid_matrix(quaternion, translation)
        np.testing.assert_allclose(transform_points(matrix, center), box.center, atol=1e-12)
        np.testing.assert_allclose(invert_rigid(matrix) @ matrix, np.eye(4), atol=1e-12)


def test_corners_are_those_of_the_devkit(rng):
    quaternions, centers = random_poses(rng, 6)
    sizes_wlh = rng.uniform(0.5, 5, size=(6, 3))
    rotations = np.stack([Quaternion(q).rotation_matrix for q in quaternions])
    corners = box_corners(centers, sizes_wlh[:, [1, 0, 2]], rotations)
    for mine, center, size, quaternion in zip(
        corners, centers, sizes_wlh, quaternions, strict=True
    ):
        expected = Box(center, size, Quaternion(quaternion)).corners().T
        distance = np.linalg.norm(mine[:, None] - expected[None], axis=-1)
        assert (distance.min(axis=1) < 1e-9).all()
        assert len(set(distance.argmin(axis=1))) == 8
        # the devkit lists the four front corners first
        front = np.sort(distance.argmin(axis=1)[CORNER_SIGNS[:, 0] > 0])
        np.testing.assert_array_equal(front, [0, 1, 2, 3])


def test_edges_are_the_twelve_axis_parallel_ones():
    assert len(EDGES) == 12
    lengths = np.abs(CORNER_SIGNS[EDGES[:, 0]] - CORNER_SIGNS[EDGES[:, 1]]).sum(1)
    np.testing.assert_array_equal(lengths, 2)


def test_object_frame_is_length_down_width():
    np.testing.assert_array_equal(OBJECT_TO_NUSCENES @ [1, 0, 0], [1, 0, 0])  # forward
    np.testing.assert_array_equal(OBJECT_TO_NUSCENES @ [0, 1, 0], [0, 0, -1])  # down
    np.testing.assert_array_equal(OBJECT_TO_NUSCENES @ [0, 0, 1], [0, 1, 0])  # left


def test_yaw_round_trips_and_wraps():
    yaw = np.linspace(-3 * np.pi, 3 * np.pi, 101)
    wrapped = np.arctan2(np.sin(yaw), np.cos(yaw))
    for back in (
        rotation_to_yaw(yaw_to_rotation(yaw)),
        nuscenes_rotation_to_yaw(yaw_to_nuscenes_rotation(yaw)),
    ):
        np.testing.assert_allclose(np.cos(back - wrapped), 1, atol=1e-12)


def test_yaw_is_the_closest_in_frobenius_norm(rng):
    rotations = np.stack([Quaternion(q).rotation_matrix for q in random_poses(rng, 8)[0]])
    best = rotation_to_yaw(rotations)
    grid = np.linspace(-np.pi, np.pi, 20001)
    distance = ((yaw_to_rotation(grid)[None] - rotations[:, None]) ** 2).sum((-1, -2))
    found = grid[distance.argmin(axis=1)]
    np.testing.assert_allclose(np.cos(found - best), 1, atol=1e-6)


def test_boxes_coincide_with_those_of_mmdet3d(rng):
    centers, dims = rng.normal(20, size=(4, 3)), rng.uniform(1, 4, size=(4, 3))
    yaws = rng.uniform(-np.pi, np.pi, 4)
    boxes = CameraInstance3DBoxes(np.column_stack([centers, dims, yaws]), origin=(0.5, 0.5, 0.5))
    sizes_lwh = dims[:, [0, 2, 1]]
    mine = box_corners(centers, sizes_lwh, yaw_to_nuscenes_rotation(yaws))
    distance = torch.cdist(torch.from_numpy(mine).float(), boxes.corners)
    assert (distance.min(dim=-1).values < 1e-4).all()


def test_projection_is_homogeneous_division():
    intrinsic = np.array([[100.0, 2.0, 50.0], [0, 120.0, 40.0], [0, 0, 1]])
    np.testing.assert_allclose(project_points(np.array([1.0, 2.0, 4.0]), intrinsic), [76.0, 100.0])
