"""Poses against pyquaternion; rectangle overlap against sampling."""

import numpy as np
import pytest
from pyquaternion import Quaternion

from epropnp_synth.geometry import (
    Pose,
    footprint_corners,
    footprints_overlap,
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


def test_overlap_agrees_with_sampled_points(rng):
    for _ in range(60):
        a = footprint_corners(*rng.uniform(-3, 3, 2), rng.uniform(-3, 3), *rng.uniform(1, 4, 2))
        b = footprint_corners(*rng.uniform(-3, 3, 2), rng.uniform(-3, 3), *rng.uniform(1, 4, 2))
        u, v = np.meshgrid(*[np.linspace(0, 1, 60)] * 2)
        inside_a = a[0] + u[..., None] * (a[1] - a[0]) + v[..., None] * (a[3] - a[0])
        local = inside_a - b[0]
        edges = np.stack([b[1] - b[0], b[3] - b[0]])
        share = local @ np.linalg.inv(edges)
        sampled = bool(((share >= 0) & (share <= 1)).all(-1).any())
        if sampled:
            assert footprints_overlap(a, b)
        elif footprints_overlap(a, b):  # at most a sliver the samples missed
            grown = (share > -0.06) & (share < 1.06)
            assert grown.all(-1).any()
