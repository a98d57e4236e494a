import math

import pytest
import torch
from scipy import linalg
from scipy.spatial.transform import Rotation

from epropnp.manifolds import QuatPose, YawPose
from epropnp.tangent import (
    inverse_left_jacobian,
    rotation_between,
    step_between,
    step_jacobian,
)
from pnp_scenes import random_pose, tilted

MANIFOLDS = [
    pytest.param(YawPose(), id="yaw"),
    pytest.param(YawPose(tilted(5)), id="tilted yaw"),
    pytest.param(QuatPose(), id="quaternion"),
]


def two_poses(manifold):
    generator = torch.Generator().manual_seed(1)
    return [random_pose(manifold.dof, 5, generator) for _ in range(2)]


@pytest.mark.parametrize("manifold", MANIFOLDS)
def test_a_small_step_is_the_one_that_was_taken(manifold):
    start, _ = two_poses(manifold)
    step = 1e-4 * torch.randn(5, manifold.dof, generator=torch.Generator().manual_seed(0)).double()
    found = step_between(manifold, start, manifold.retract(start, step))
    torch.testing.assert_close(found, step, rtol=1e-7, atol=1e-11)


@pytest.mark.parametrize("manifold", MANIFOLDS)
def test_turns_agree_with_scipy(manifold):
    start, end = two_poses(manifold)
    matrices = [manifold.rotation_matrix(pose).numpy() for pose in (start, end)]
    expected = (
        Rotation.from_matrix(matrices[1]) * Rotation.from_matrix(matrices[0]).inv()
    ).as_rotvec()
    found = rotation_between(manifold, start, end)
    torch.testing.assert_close(found, torch.from_numpy(expected), rtol=1e-9, atol=1e-12)
    assert step_between(manifold, start, end)[:, 3:].norm(dim=-1).max() <= math.pi


def test_yaw_goes_the_short_way_round():
    start = torch.tensor([[0.0, 0, 0, 3.0]]).double()
    end = torch.tensor([[1.0, 2, 3, -3.0]]).double()
    found = step_between(YawPose(), start, end)
    torch.testing.assert_close(found, torch.tensor([[1, 2, 3, 2 * math.pi - 6]]).double())


@pytest.mark.parametrize("manifold", MANIFOLDS)
def test_jacobian_agrees_with_autograd(manifold):
    start, end = two_poses(manifold)

    def step(move):
        return step_between(manifold, start, manifold.retract(end, move)).sum(0)

    zero = torch.zeros(5, manifold.dof, dtype=torch.float64)
    dense = torch.autograd.functional.jacobian(step, zero).movedim(1, 0)
    torch.testing.assert_close(step_jacobian(manifold, start, end), dense, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 1e-6, 0.009, 0.011, 1.0, 3.1])
def test_inverse_left_jacobian_inverts_the_integral_of_rotations(angle):
    """The left Jacobian integrates exp(s [v]) over s from 0 to 1; by an augmented matrix."""
    axis = torch.tensor([2.0, -1.0, 2.0], dtype=torch.float64) / 3
    vector = angle * axis
    cross = torch.zeros(6, 6, dtype=torch.float64)
    x, y, z = vector
    cross[:3, :3] = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    cross[:3, 3:] = torch.eye(3)
    left = torch.from_numpy(linalg.expm(cross.numpy()))[:3, 3:]
    found = inverse_left_jacobian(vector)
    torch.testing.assert_close(found, torch.linalg.inv(left), rtol=1e-9, atol=1e-10)


def test_steps_broadcast_over_samples():
    manifold = QuatPose()
    start, end = two_poses(manifold)
    many = torch.stack((end, start))
    found = step_between(manifold, start, many)
    torch.testing.assert_close(found[0], step_between(manifold, start, end))
    assert found[1].abs().max() < 1e-12
    assert step_jacobian(manifold, start, many).shape == (2, 5, 6, 6)
