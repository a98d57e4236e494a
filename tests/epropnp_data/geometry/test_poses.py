"""Poses against pyquaternion."""

import numpy as np
import pytest
from pyquaternion import Quaternion

from epropnp_data.geometry.poses import (
    Pose,
    matrix_from_quaternion,
    quaternion_from_matrix,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_quaternion_to_matrix_agrees_with_pyquaternion(rng):
    for q in rng.normal(size=(20, 4)):
        expected = Quaternion(q).normalised.rotation_matrix
        np.testing.assert_allclose(matrix_from_quaternion(tuple(q)), expected, atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 1e-7, 1.0, np.pi - 1e-7, np.pi])
def test_quaternion_survives_the_matrix(angle, rng):
    q = Quaternion(axis=rng.normal(size=3), angle=angle)
    back = np.array(quaternion_from_matrix(q.rotation_matrix))
    assert min(np.abs(back - q.elements).max(), np.abs(back + q.elements).max()) < 1e-7


def test_pose_inverse_undoes_the_pose(rng):
    pose = Pose(tuple(rng.normal(size=4)), (3.0, -2.0, 1.0))
    points = rng.normal(size=(5, 3))
    np.testing.assert_allclose(pose.apply_inverse(pose.apply(points)), points, atol=1e-12)
