import pytest
import torch

from epropnp.frames import ObjectFrame
from pnp_scenes import cost_of, scene, tilted

KINDS = ["yaw", "tilted yaw", "quaternion"]


def framed(kind, shift=5.0):
    dof = 6 if kind == "quaternion" else 4
    gravity = tilted(3) if kind == "tilted yaw" else None
    problem = scene(dof, noise=2.0, gravity=gravity)
    problem = problem._replace(x3d=problem.x3d + shift)
    cost = cost_of(problem, dof, gravity=gravity)
    return ObjectFrame.centered(cost), cost, problem.pose


@pytest.mark.parametrize("kind", KINDS)
def test_points_are_centred_and_costs_kept(kind):
    frame, cost, pose = framed(kind)
    inside = frame.cost(cost)
    assert inside.points_obj.mean(-1).abs().max() < 1e-12
    torch.testing.assert_close(inside.value(frame.enter(pose)), cost.value(pose))
    torch.testing.assert_close(frame.leave(frame.enter(pose)), pose)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_leave_like_single_poses(kind):
    frame, _, pose = framed(kind)
    poses = pose + 0.1 * torch.randn(4, *pose.shape, dtype=pose.dtype)
    torch.testing.assert_close(frame.leave(poses)[2], frame.leave(poses[2]))


@pytest.mark.parametrize("kind", KINDS)
def test_covariances_follow_the_change_of_tangent(kind):
    frame, cost, pose = framed(kind)
    dof = cost.manifold.dof
    inside = frame.enter(pose)
    factor = torch.randn(3, dof, dof, dtype=torch.float64)
    covariance = factor @ factor.mT

    def outside_step(step):  # translation of the object, and the rotation step unchanged
        moved = frame.leave(cost.manifold.retract(inside, step)) - pose
        return torch.cat((moved[:, :3], step[:, 3:]), dim=1).sum(0)

    zero = torch.zeros(3, dof, dtype=torch.float64)
    change = torch.autograd.functional.jacobian(outside_step, zero).movedim(1, 0)
    expected = change @ covariance @ change.mT
    torch.testing.assert_close(frame.leave_covariance(inside, covariance), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_laplace_covariances_agree_in_both_frames(kind):
    frame, cost, pose = framed(kind, shift=2.0)
    inverses = []
    for view, at in ((cost, pose), (frame.cost(cost), frame.enter(pose))):
        inverses.append(torch.linalg.inv(view.normal_equations(at).hessian))
    outside = frame.leave_covariance(frame.enter(pose), inverses[1])
    torch.testing.assert_close(outside, inverses[0], rtol=1e-7, atol=1e-12)


def test_the_own_frame_changes_nothing():
    _, cost, pose = framed("yaw")
    frame, covariance = ObjectFrame(cost.manifold), torch.eye(4)
    assert frame.cost(cost) is cost
    assert frame.enter(pose) is pose
    assert frame.leave(pose) is pose
    assert frame.leave_covariance(pose, covariance) is covariance


def test_the_offset_carries_no_gradient_and_no_points_are_no_problem():
    _, cost, _ = framed("yaw")
    leaf = cost.points_obj.clone().requires_grad_()
    assert not ObjectFrame.centered(cost.with_leaves({"points_obj": leaf})).offset.requires_grad
    none = {"points_obj": torch.zeros(3, 3, 0), "weights": torch.zeros(3, 2, 0)}
    empty = ObjectFrame.centered(cost.with_leaves(none))
    assert torch.equal(empty.offset, torch.zeros(3, 3))
