import numpy as np
import pytest
import torch

from pnp_scenes import cost_of, manifold_of, near_scene, random_pose, scene, tilted

KINDS = ["yaw", "tilted yaw", "quaternion"]


def kind_options(kind, num):
    dof = 6 if kind == "quaternion" else 4
    return dof, tilted(num) if kind == "tilted yaw" else None


def weighted_residual(cost, pose, factor, in_front):
    """Residual (B, 2 n) under fixed robust factors; constant for points behind the camera."""
    rotation = cost.manifold.rotation_matrix(pose)
    cloud = rotation @ cost.points_obj + pose[..., :3, None]
    cloud = torch.where(in_front.unsqueeze(-2), cloud, cloud.detach())
    error = (cost.camera.project(cloud.mT).mT - cost.points_2d) * cost.weights
    return (error * factor.unsqueeze(-2)).flatten(-2)


@pytest.mark.parametrize("kind", KINDS)
def test_jacobian_is_the_derivative_through_retract(kind):
    dof, gravity = kind_options(kind, 4)
    cost, pose = near_scene(dof, gravity=gravity)
    cloud = cost.manifold.rotation_matrix(pose) @ cost.points_obj + pose[:, :3, None]
    in_front = cloud[:, 2] > cost.camera.z_min
    assert 0.2 < in_front.double().mean() < 0.8
    error = (cost.camera.project(cloud.mT).mT - cost.points_2d) * cost.weights
    factor = cost.kernel.root_weight(error.square().sum(-2))
    assert (factor < 1).any()

    def residual(step):
        moved = cost.manifold.retract(pose, step)
        return weighted_residual(cost, moved, factor, in_front).sum(0)

    step = torch.zeros(4, dof, dtype=torch.float64)
    dense = torch.autograd.functional.jacobian(residual, step).movedim(1, 0)  # (B, M, D)
    lin = cost.linearize(pose)
    torch.testing.assert_close(lin.jacobian, dense, rtol=1e-10, atol=1e-8)
    expected = weighted_residual(cost, pose, factor, in_front)
    torch.testing.assert_close(lin.residual, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_normal_equations_hold_the_gradient_of_the_robust_cost(kind):
    dof, gravity = kind_options(kind, 3)
    problem = scene(dof, noise=6.0, gravity=gravity)
    cost = cost_of(problem, dof, delta=2.0, gravity=gravity)
    pose = problem.pose + 0.02
    if dof == 6:
        pose[:, 3:] /= pose[:, 3:].norm(dim=1, keepdim=True)

    def total(step):
        return cost.value(cost.manifold.retract(pose, step)).sum()

    expected = torch.autograd.functional.jacobian(total, torch.zeros(3, dof, dtype=torch.float64))
    value, gradient, hessian = cost.normal_equations(pose)
    torch.testing.assert_close(value, cost.value(pose))
    torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-8)
    jacobian = cost.linearize(pose).jacobian
    torch.testing.assert_close(hessian, jacobian.mT @ jacobian)


@pytest.mark.parametrize("dof", [4, 6])
def test_value_agrees_with_a_loop_over_points(dof):
    problem = scene(dof, num=2, points=5, noise=20.0)
    cost, pose = cost_of(problem, dof, delta=3.0), random_pose(dof, 2, torch.Generator())
    rotation = manifold_of(dof).rotation_matrix(pose).numpy()
    expected = np.zeros(2)
    for b in range(2):
        for point, pixel, weight in zip(*(t[b].numpy() for t in problem[:3]), strict=True):
            h = problem.camera.cam_mats[b].numpy() @ (rotation[b] @ point + pose[b, :3].numpy())
            uv = np.clip(h[:2] / h[2], [-200, -200], [1040, 820])
            s = np.linalg.norm((uv - pixel) * weight)
            expected[b] += s * s / 2 if s <= 3 else 3 * s - 4.5
    np.testing.assert_allclose(cost.value(pose), expected, rtol=1e-12)
    np.testing.assert_allclose(cost.linearize(pose).value, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lead", [(5,), (2, 3), (1,), (0,)])
def test_samples_cost_what_they_cost_one_by_one(kind, lead):
    dof, gravity = kind_options(kind, 4)
    cost, pose = near_scene(dof, gravity=gravity)
    poses = pose + 0.3 * torch.randn(*lead, *pose.shape, dtype=pose.dtype)
    values = cost.value(poses)
    assert values.shape == (*lead, 4)
    for value, one in zip(values.view(-1, 4), poses.view(-1, *pose.shape), strict=True):
        torch.testing.assert_close(value, cost.value(one), rtol=1e-12, atol=0)


def test_a_subset_is_the_cost_of_its_points_with_the_same_kernel():
    problem = scene(4, points=10, noise=5.0)
    cost = cost_of(problem, 4, delta=2.0)
    index = torch.stack([torch.randperm(10)[:6] for _ in range(3 * 7)]).view(7, 3, 6)
    subset = cost.subset(index)
    assert subset.num_residuals == 12
    poses = problem.pose + 0.1 * torch.randn(7, 3, 4, dtype=torch.float64)
    values, lin = subset.value(poses), subset.linearize(poses)
    for q in range(7):
        for b in range(3):
            pick = index[q, b]
            alone = problem._replace(
                x3d=problem.x3d[b : b + 1, pick],
                x2d=problem.x2d[b : b + 1, pick],
                w2d=problem.w2d[b : b + 1, pick],
                camera=problem.camera.bind(
                    problem.camera.cam_mats[b : b + 1], torch.tensor([620, 840])
                ),
            )
            expected = cost_of(alone, 4, delta=2.0)
            pose = poses[q, b : b + 1]
            torch.testing.assert_close(values[q, b : b + 1], expected.value(pose))
            torch.testing.assert_close(
                lin.jacobian[q, b : b + 1], expected.linearize(pose).jacobian
            )


def test_leaves_can_be_replaced():
    cost, pose = near_scene(6)
    other, _ = near_scene(6, seed=1)
    assert not torch.allclose(cost.value(pose), other.value(pose))
    swapped = cost.with_leaves(other.leaves())
    assert torch.equal(swapped.value(pose), other.value(pose))


def test_value_is_differentiable_in_everything():
    problem = scene(6, num=2, points=4, noise=4.0)
    cost = cost_of(problem, 6, delta=3.0)
    names, leaves = zip(*cost.leaves().items(), strict=True)
    assert set(names) == {
        "points_obj", "points_2d", "weights", "camera.cam_mats", "camera.lower", "camera.upper",
        "kernel.delta",
    }  # fmt: skip
    leaves = tuple(leaf.detach().clone().requires_grad_() for leaf in leaves)
    poses = problem.pose.expand(2, 2, 7).clone().requires_grad_()

    def value(poses, *leaves):
        return cost.with_leaves(dict(zip(names, leaves, strict=True))).value(poses)

    assert torch.autograd.gradcheck(value, (poses, *leaves), atol=1e-4)
