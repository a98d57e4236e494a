import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial.transform import Rotation

from epropnp.manifolds import QuatPose, YawPose, normalize_quaternion, quaternion_tangent
from pnp_scenes import manifold_of, random_pose, tilted


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_rotation_matrices_agree_with_scipy():
    yaw = random_pose(4, 20, generator())
    expected = Rotation.from_euler("y", yaw[:, 3:].numpy()).as_matrix()
    np.testing.assert_allclose(YawPose().rotation_matrix(yaw), expected, atol=1e-14)

    quat = random_pose(6, 20, generator())
    expected = Rotation.from_quat(quat[:, [4, 5, 6, 3]].numpy()).as_matrix()
    np.testing.assert_allclose(QuatPose().rotation_matrix(quat), expected, atol=1e-14)


def test_gravity_turns_yaw_about_the_true_vertical():
    gravity, pose = tilted(6), random_pose(4, 6, generator())
    in_camera = YawPose(gravity).rotation_matrix(pose)
    expected = Rotation.from_euler("y", pose[:, 3:].numpy()).as_matrix()
    np.testing.assert_allclose(gravity @ in_camera, expected, atol=1e-14)
    samples = pose.expand(5, 6, 4)
    assert torch.equal(YawPose(gravity).rotation_matrix(samples)[3], in_camera)


@pytest.mark.parametrize("kind", ["yaw", "tilted yaw", "quaternion"])
@pytest.mark.parametrize("lead", [(), (3,)])
def test_turn_gradient_is_the_derivative_through_retract(kind, lead):
    dof = 6 if kind == "quaternion" else 4
    manifold = manifold_of(dof, tilted(2) if kind == "tilted yaw" else None)
    pose = random_pose(dof, 2, generator(1)).expand(*lead, 2, -1).contiguous()
    points = torch.randn(2, 3, 7, generator=generator(2), dtype=torch.float64)
    gradient = torch.randn(*lead, 2, 2, 3, 7, generator=generator(3), dtype=torch.float64)

    def numbers(step):  # two linear functions of every rotated point
        rotated = manifold.rotation_matrix(manifold.retract(pose, step)) @ points
        return (gradient * rotated.unsqueeze(-3)).sum(-2)

    step = torch.zeros(*lead, 2, dof, dtype=torch.float64)
    dense = torch.autograd.functional.jacobian(
        lambda s: numbers(s).sum((0, 1) if lead else 0), step
    )
    expected = dense[..., 3:].movedim((0, 1), (-2, -1))  # (..., B, D - 3, 2, 7)
    ours = manifold.turn_gradient(manifold.rotation_matrix(pose) @ points, gradient)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)


def test_quaternion_tangent_is_an_orthonormal_basis():
    quaternion = random_pose(6, 10, generator())[:, 3:]
    frame = torch.cat((quaternion.unsqueeze(-1), quaternion_tangent(quaternion)), -1)
    identity = torch.eye(4, dtype=torch.float64).expand(10, 4, 4)
    torch.testing.assert_close(frame.mT @ frame, identity, rtol=0, atol=1e-14)


def test_retract_stays_on_the_manifold_and_moves_translations():
    pose = random_pose(6, 10, generator())
    step = torch.randn(10, 6, generator=generator(1), dtype=torch.float64)
    moved = QuatPose().retract(pose, step)
    torch.testing.assert_close(moved[:, 3:].norm(dim=1), torch.ones(10, dtype=torch.float64))
    assert torch.equal(moved[:, :3], pose[:, :3] + step[:, :3])
    torch.testing.assert_close(QuatPose().retract(pose, 0 * step), pose)


def test_a_vanishing_quaternion_is_the_identity_with_a_finite_gradient():
    quaternion = torch.tensor([[0.0, 0, 0, 0], [0, 3e-6, 0, 0], [0, 0, 2, 0]], requires_grad=True)
    unit = normalize_quaternion(quaternion)
    assert unit.tolist() == [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]]
    unit.sum().backward()
    assert quaternion.grad.isfinite().all()
    assert (quaternion.grad[:2] == 0).all()


def test_random_rotations_are_uniform():
    like = torch.zeros(1, dtype=torch.float64)
    yaw = YawPose().random_rotation((4000,), like, generator(5))[:, 0]
    assert stats.kstest(yaw.numpy() / (2 * np.pi), "uniform").pvalue > 1e-3
    quaternion = QuatPose().random_rotation((4000,), like, generator(6))
    # any coordinate of a uniform point on the unit sphere in 4D has its square Beta(1/2, 3/2)
    squares = quaternion[:, 2].square().numpy()
    assert stats.kstest(squares, stats.beta(0.5, 1.5).cdf).pvalue > 1e-3


@pytest.mark.parametrize("manifold", [YawPose(), QuatPose()])
def test_identity_pose_does_not_move_points(manifold):
    pose = manifold.identity(torch.zeros(1, dtype=torch.float64))
    assert pose.shape == (manifold.num_params,)
    assert torch.equal(manifold.rotation_matrix(pose), torch.eye(3, dtype=torch.float64))
    assert torch.equal(pose[:3], torch.zeros(3, dtype=torch.float64))
