import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from epropnp.conversions import (
    matrix_to_pose,
    metric_covariance,
    pose_to_matrix,
    quaternion_pose,
    quaternion_to_rotation_vector,
    real_first,
    real_last,
    rotation_to_quaternion,
    rotation_vector_to_quaternion,
    tangent_covariance,
    turn_axes,
    yaw_pose,
)
from epropnp.manifolds import QuatPose, YawPose
from epropnp.marginals import heading
from pnp_scenes import random_pose, tilted

# generic rotations, and the hard ones: none, tiny, and half turns about each axis and others
VECTORS = torch.tensor(
    [
        [0.3, -1.2, 0.8],
        [0.0, 0.0, 0.0],
        [1e-9, -2e-9, 1e-9],
        [3e-5, 2e-5, -6e-5],
        [1e-3, 0.0, 2e-3],
        [math.pi - 1e-7, 0.0, 0.0],
        [0.0, math.pi - 1e-7, 0.0],
        [0.0, 0.0, -math.pi + 1e-7],
        [1.7, -1.7, 1.7],
        [0.0, 2.2, -2.2],
    ],
    dtype=torch.float64,
)
MATRICES = torch.from_numpy(Rotation.from_rotvec(VECTORS.numpy()).as_matrix())


def manifolds():
    return [
        pytest.param(YawPose(), id="yaw"),
        pytest.param(YawPose(tilted(5)), id="tilted yaw"),
        pytest.param(QuatPose(), id="quaternion"),
    ]


def poses_of(manifold, num=5):
    return random_pose(manifold.dof, num, torch.Generator().manual_seed(3))


def up_to_sign(quaternion):
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def test_quaternions_of_rotations_agree_with_scipy():
    expected = up_to_sign(
        torch.from_numpy(Rotation.from_matrix(MATRICES.numpy()).as_quat()[:, [3, 0, 1, 2]])
    )
    torch.testing.assert_close(rotation_to_quaternion(MATRICES), expected, rtol=0, atol=1e-12)


def test_quaternion_of_a_rotation_keeps_float32_precision():
    """No component of a unit quaternion is found as the root of a cancelled difference."""
    single = rotation_to_quaternion(MATRICES.float()).double()
    assert (single - rotation_to_quaternion(MATRICES)).abs().max() < 4e-7  # a few units of rounding


def test_rotation_vectors_agree_with_scipy():
    expected = Rotation.from_rotvec(VECTORS.numpy()).as_quat()[:, [3, 0, 1, 2]]
    found = rotation_vector_to_quaternion(VECTORS)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-16)
    for signed in (found, -found):
        back = quaternion_to_rotation_vector(signed)
        np.testing.assert_allclose(back, VECTORS, rtol=1e-11, atol=1e-18)


def test_quaternion_order():
    quaternion = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    assert real_last(quaternion).tolist() == [[2.0, 3.0, 4.0, 1.0]]
    assert torch.equal(real_first(real_last(quaternion)), quaternion)


@pytest.mark.parametrize("function", [rotation_vector_to_quaternion])
def test_gradients_exist_at_no_rotation_too(function):
    vectors = VECTORS.clone().requires_grad_()
    assert torch.autograd.gradcheck(function, (vectors,), eps=1e-7, atol=1e-6)


def test_gradient_of_the_way_back():
    # without the half turns, where the vector jumps
    quaternions = rotation_vector_to_quaternion(VECTORS[[0, 1, 2, 3, 4, 8]]).requires_grad_()

    def unit(q):
        return quaternion_to_rotation_vector(torch.nn.functional.normalize(q, dim=-1))

    assert torch.autograd.gradcheck(unit, (quaternions,), eps=1e-7, atol=1e-6)


def test_gradient_of_the_quaternion_of_a_rotation():
    vectors = VECTORS[[0, 4, 8, 9]].clone().requires_grad_()

    def through(v):
        return rotation_to_quaternion(
            QuatPose().rotation_matrix(
                torch.cat((torch.zeros_like(v), rotation_vector_to_quaternion(v)), dim=-1)
            )
        )

    assert torch.autograd.gradcheck(through, (vectors,), eps=1e-7, atol=1e-6)


@pytest.mark.parametrize("manifold", manifolds())
def test_matrices_map_points_as_the_pose_does(manifold):
    pose = poses_of(manifold)
    matrix = pose_to_matrix(manifold, pose)
    point = torch.tensor([0.3, -0.2, 0.9, 1.0], dtype=torch.float64)
    expected = manifold.rotation_matrix(pose) @ point[:3] + pose[:, :3]
    torch.testing.assert_close((matrix @ point)[:, :3], expected)
    assert torch.equal(matrix[:, 3], torch.tensor([0, 0, 0, 1.0]).double().expand(5, 4))


@pytest.mark.parametrize("manifold", manifolds())
@pytest.mark.parametrize("rows", [3, 4])
def test_matrices_and_back(manifold, rows):
    pose = poses_of(manifold)
    back = matrix_to_pose(manifold, pose_to_matrix(manifold, pose)[:, :rows])
    if manifold.dof == 4:
        pose[:, 3] = torch.remainder(pose[:, 3] + math.pi, 2 * math.pi) - math.pi
    else:
        pose = torch.cat((pose[:, :3], up_to_sign(pose[:, 3:])), dim=1)
    torch.testing.assert_close(back, pose, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("gravity", [None, tilted(5)], ids=["level", "tilted"])
def test_yaw_of_a_quaternion_pose(gravity):
    manifold = YawPose(gravity)
    pose = poses_of(manifold)
    as_quaternion = quaternion_pose(manifold, pose)
    torch.testing.assert_close(
        QuatPose().rotation_matrix(as_quaternion), manifold.rotation_matrix(pose)
    )
    back = yaw_pose(as_quaternion, gravity)
    torch.testing.assert_close((back[:, 3] - pose[:, 3]).cos(), torch.ones(5).double())
    torch.testing.assert_close(  # marginals measure the same angle for an upright object
        (heading(manifold, pose) - back[:, 3]).cos(), torch.ones(5).double()
    )


def test_the_closest_yaw_is_the_closest_of_all():
    pose = poses_of(QuatPose())
    rotation = QuatPose().rotation_matrix(pose)
    grid = torch.linspace(-math.pi, math.pi, 20001, dtype=torch.float64)
    upright = YawPose().rotation_matrix(torch.nn.functional.pad(grid[:, None], (3, 0)))
    distance = (upright[:, None] - rotation).square().sum((-2, -1))
    found = yaw_pose(pose)[:, 3]
    assert (found - grid[distance.argmin(0)]).abs().max() < 2 * math.pi / 20000


@pytest.mark.parametrize("manifold", manifolds())
def test_metric_covariance_is_that_of_small_moves(manifold):
    """Jacobian of (translation, log of the relative rotation) by a step, by finite differences."""
    pose = poses_of(manifold)
    step = 1e-6
    columns = []
    for axis in range(manifold.dof):
        move = torch.zeros(5, manifold.dof, dtype=torch.float64)
        move[:, axis] = step
        ahead, behind = manifold.retract(pose, move), manifold.retract(pose, -move)
        relative = manifold.rotation_matrix(ahead) @ manifold.rotation_matrix(behind).mT
        vector = torch.from_numpy(Rotation.from_matrix(relative.numpy()).as_rotvec())
        columns.append(torch.cat((ahead[:, :3] - behind[:, :3], vector), dim=1) / (2 * step))
    jacobian = torch.stack(columns, dim=-1)
    factor = torch.randn(5, manifold.dof, manifold.dof, generator=torch.Generator().manual_seed(0))
    covariance = (factor @ factor.mT).double()
    found = metric_covariance(manifold, covariance)
    torch.testing.assert_close(found, jacobian @ covariance @ jacobian.mT, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(
        tangent_covariance(manifold, found), covariance, rtol=1e-9, atol=1e-9
    )


def test_turns_of_a_quaternion_step_are_twice_its_length():
    like = torch.zeros(1)
    assert torch.equal(turn_axes(QuatPose(), like), -2 * torch.eye(3))
    assert turn_axes(YawPose(), like).tolist() == [[0.0, 1.0, 0.0]]


def test_wrong_shapes_are_refused_by_name():
    with pytest.raises(ValueError, match=r"matrix must be \(..., 4, 4\)"):
        matrix_to_pose(QuatPose(), torch.eye(3))
    with pytest.raises(ValueError, match=r"pose must be \(..., 7\), got \(2, 4\)"):
        pose_to_matrix(QuatPose(), torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"covariance must be \(..., 4\)"):
        metric_covariance(YawPose(), torch.eye(6))
    with pytest.raises(ValueError, match=r"quaternion must be \(..., 4\)"):
        real_last(torch.zeros(3))


def test_zero_poses_are_a_normal_batch():
    assert matrix_to_pose(QuatPose(), torch.zeros(0, 4, 4)).shape == (0, 7)
    assert pose_to_matrix(YawPose(), torch.zeros(0, 4)).shape == (0, 4, 4)
