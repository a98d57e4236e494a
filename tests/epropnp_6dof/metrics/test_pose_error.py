"""Pose errors against closed forms; behaviour under symmetries."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from epropnp_6dof.bop import symmetry_transforms
from epropnp_6dof.metrics import (
    add_error,
    adi_error,
    mspd_error,
    mssd_error,
    projection_error,
    rotation_error_deg,
    translation_error,
)
from epropnp_data.geometry.rigid import RigidPose

CAM_MAT = np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]])
IDENTITY = (RigidPose(np.eye(3), np.zeros(3)),)
HALF_TURN = RigidPose(np.diag([-1.0, -1, 1]), np.zeros(3))


def random_pose(rng):
    rotation = Rotation.from_rotvec(rng.standard_normal(3)).as_matrix()
    return RigidPose(rotation, np.array([0.05, -0.1, 0.8]) + 0.05 * rng.standard_normal(3))


@pytest.fixture
def box():
    """Vertices invariant under a half turn about z, dense enough for a nearest neighbour."""
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 5)] * 3), -1).reshape(-1, 3)
    return grid * [0.03, 0.05, 0.04]


def test_translation_alone_moves_every_vertex_alike(box):
    pose = random_pose(np.random.default_rng(0))
    moved = pose._replace(translation=pose.translation + np.array([0.003, 0, 0.004]))
    assert add_error(moved, pose, box) == pytest.approx(0.005)
    assert mssd_error(moved, pose, box, IDENTITY) == pytest.approx(0.005)
    assert translation_error(moved, pose) == pytest.approx(0.005)
    assert rotation_error_deg(moved, pose) == pytest.approx(0, abs=1e-5)
    assert adi_error(moved, pose, box) <= 0.005 + 1e-12


def test_rotation_error_is_the_angle_turned():
    pose = random_pose(np.random.default_rng(1))
    for degrees in (0.1, 5, 90, 179):
        turn = Rotation.from_rotvec(np.radians(degrees) * np.array([0.6, 0, 0.8])).as_matrix()
        turned = pose._replace(rotation=pose.rotation @ turn)
        assert rotation_error_deg(turned, pose) == pytest.approx(degrees, rel=1e-6)


def test_pixel_errors_of_a_fronto_parallel_shift():
    plate = np.array([[0.1, 0.1, 0], [-0.1, 0.1, 0], [0, -0.1, 0]])
    pose = RigidPose(np.eye(3), np.array([0, 0, 1.0]))
    moved = RigidPose(np.eye(3), np.array([0.01, 0, 1.0]))
    assert projection_error(moved, pose, plate, CAM_MAT) == pytest.approx(6)
    assert mspd_error(moved, pose, plate, IDENTITY, CAM_MAT) == pytest.approx(6)


def test_symmetric_pose_costs_nothing_only_in_symmetry_aware_errors(box):
    symmetries = (*IDENTITY, HALF_TURN)
    pose = random_pose(np.random.default_rng(2))
    flipped = pose.compose(HALF_TURN)
    assert adi_error(flipped, pose, box) == pytest.approx(0, abs=1e-12)
    assert mssd_error(flipped, pose, box, symmetries) == pytest.approx(0, abs=1e-12)
    assert mspd_error(flipped, pose, box, symmetries, CAM_MAT) == pytest.approx(0, abs=1e-9)
    assert add_error(flipped, pose, box) > 0.02
    assert mssd_error(flipped, pose, box, IDENTITY) > 0.05


def test_continuous_symmetry_is_covered_to_one_percent_of_the_diameter():
    info = {"symmetries_continuous": [{"axis": [0, 0, 1], "offset": [10, 0, 0]}]}
    symmetries = symmetry_transforms(info)
    assert len(symmetries) == int(np.ceil(np.pi / 0.01))
    angles = np.random.default_rng(3).uniform(0, 2 * np.pi, 50)
    ring = np.array([[np.cos(a), np.sin(a), 0.2] for a in angles]) * 0.05 + [0.01, 0, 0]
    pose = random_pose(np.random.default_rng(4))
    turn = Rotation.from_rotvec([0, 0, 1.2345]).as_matrix()
    offset = np.array([0.01, 0, 0])
    turned = pose.compose(RigidPose(turn, offset - turn @ offset))
    assert mssd_error(turned, pose, ring, symmetries) < 0.01 * 0.1 / 2 * 1.01
    assert add_error(turned, pose, ring) > 0.05


def test_symmetries_combine_and_keep_the_unit():
    flip = np.eye(4)
    flip[:3, :3], flip[0, 3] = np.diag([-1, 1, -1]), 5.0
    info = {
        "symmetries_discrete": [flip.ravel().tolist()],
        "symmetries_continuous": [{"axis": [0, 0, 2], "offset": [0, 0, 0]}],
    }
    symmetries = symmetry_transforms(info, max_step=0.5)
    assert len(symmetries) == 2 * 7
    np.testing.assert_array_equal(symmetries[0].rotation, np.eye(3))
    np.testing.assert_allclose(symmetries[7].translation, [0.005, 0, 0])
    for symmetry in symmetries:
        np.testing.assert_allclose(symmetry.rotation @ symmetry.rotation.T, np.eye(3), atol=1e-12)
