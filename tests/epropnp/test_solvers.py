import cv2
import numpy as np
import pytest
import torch

from epropnp import AdaptiveHuberPnPCost, HuberPnPCost, LMSolver, RSLMSolver
from epropnp.solvers import pose_manifold
from pnp_scenes import cost_of, manifold_of, scene, tilted

ADAPTIVE = AdaptiveHuberPnPCost()


def solver(dof=4, num_iter=10, proposals=32, **options):
    return LMSolver(dof, num_iter, init_solver=RSLMSolver(num_proposals=proposals), **options)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_clean_data_gives_the_pose_of_opencv():
    data = scene(6, num=6, points=30)
    data.camera.cam_mats[:, 0, 1] = 0  # OpenCV knows no skew
    rotation = manifold_of(6).rotation_matrix(data.pose)
    x2d = data.camera.project(data.x3d @ rotation.mT + data.pose[:, None, :3])
    result = solver(6, 20)(data.x3d, x2d, data.w2d, data.camera, ADAPTIVE, generator=seeded())
    assert result.valid.all()
    ours = manifold_of(6).rotation_matrix(result.pose_opt)
    for b in range(6):
        points, pixels = (t[b].numpy() for t in (data.x3d, x2d))
        intrinsics = data.camera.cam_mats[b].numpy()
        _, turn, place = cv2.solvePnP(points, pixels, intrinsics, None, flags=cv2.SOLVEPNP_SQPNP)
        np.testing.assert_allclose(result.pose_opt[b, :3], place[:, 0], atol=1e-5)
        np.testing.assert_allclose(ours[b], cv2.Rodrigues(turn)[0], atol=1e-5)


@pytest.mark.parametrize("kind", ["yaw", "tilted yaw"])
def test_yaw_poses_are_found_also_by_a_tilted_camera(kind):
    gravity = tilted(8) if kind == "tilted yaw" else None
    data = scene(4, num=8, points=40, gravity=gravity)
    result = solver(4, 20)(*data.correspondences, ADAPTIVE, generator=seeded())
    turn = result.pose_opt[:, 3] - data.pose[:, 3]
    assert (result.pose_opt[:, :3] - data.pose[:, :3]).abs().max() < 1e-6
    assert torch.atan2(turn.sin(), turn.cos()).abs().max() < 1e-6
    if gravity is not None:  # a solver that knows nothing of the tilt cannot fit the points
        level = data._replace(camera=data.camera.bind(data.camera.cam_mats))
        worse = solver(4, 20)(*level.correspondences, ADAPTIVE, generator=seeded())
        assert (worse.cost > result.cost + 1).all()


@pytest.mark.parametrize("dof", [4, 6])
def test_covariance_is_that_of_repeated_noise(dof):
    """Weights of one over the noise make the Laplace covariance that of the estimate."""
    data, repeats, noise = scene(dof, num=1, points=40), 600, 0.5
    camera = data.camera.bind(data.camera.cam_mats[0])
    x3d, pose = data.x3d.repeat(repeats, 1, 1), data.pose.repeat(repeats, 1)
    x2d = camera.project(x3d @ manifold_of(dof).rotation_matrix(pose).mT + pose[:, None, :3])
    x2d = x2d + noise * torch.randn(x2d.shape, generator=seeded(), dtype=x2d.dtype)
    weights, setting = torch.full_like(x2d, 1 / noise), HuberPnPCost(1e6)
    result = LMSolver(dof)(x3d, x2d, weights, camera, setting, pose, with_pose_cov=True)
    offset = (result.pose_opt - pose)[:, :3]
    expected = result.pose_cov[:, :3, :3].mean(0)
    # eigenvalues of a sample covariance of 600 draws lie within about 1 +- 2 sqrt(3 / 600)
    ratio = torch.linalg.eigvals(torch.linalg.solve(expected, offset.T @ offset / repeats)).real
    assert ((ratio > 0.8) & (ratio < 1.25)).all()


@pytest.mark.parametrize("dof", [4, 6])
def test_normalizing_leads_to_the_same_pose_and_covariance(dof):
    data = scene(dof, noise=2.0)
    data = data._replace(x3d=data.x3d + 0.5)
    results = [
        LMSolver(dof, 20, normalize)(
            *data.correspondences, ADAPTIVE, data.pose, with_pose_cov=True, with_pose_opt_plus=True
        )
        for normalize in (False, True)
    ]
    for name in ("pose_opt", "cost", "pose_opt_plus"):
        pair = (getattr(r, name) for r in results)
        torch.testing.assert_close(*pair, rtol=0, atol=1e-6)
    torch.testing.assert_close(results[0].pose_cov, results[1].pose_cov, rtol=1e-4, atol=1e-7)


def test_a_given_pose_competes_with_the_random_start():
    data = scene(4, num=3, noise=2.0)
    cost = cost_of(data, 4)
    far = LMSolver(num_iter=20).solve(cost, data.pose).pose_opt
    far[0] = torch.tensor([40.0, 30.0, 5.0, 1.0])
    one_step = solver(4, 0)
    plain = one_step.solve(cost, far, force_init_solve=False)
    assert torch.equal(plain.pose_opt, far)
    forced = one_step.solve(cost, far, generator=seeded())
    random = one_step.solve(cost, generator=seeded())
    assert torch.equal(forced.pose_opt[0], random.pose_opt[0])
    better = cost.value(far) < random.cost
    assert torch.equal(forced.pose_opt, torch.where(better[:, None], far, random.pose_opt))
    assert better.tolist() == [False, True, True]


def test_without_a_start_solver_a_given_pose_is_the_start():
    data = scene(4, noise=2.0)
    lonely = LMSolver(num_iter=3)
    forced = lonely.solve(cost_of(data, 4), data.pose, force_init_solve=True)
    plain = lonely.solve(cost_of(data, 4), data.pose, force_init_solve=False)
    assert torch.equal(forced.pose_opt, plain.pose_opt)
    with pytest.raises(ValueError, match="needs an init_solver"):
        lonely(*data.correspondences, ADAPTIVE)


@pytest.mark.parametrize("published", [False, True])
def test_fast_mode_finds_the_pose_of_easy_problems(published):
    data = scene(4, num=6, points=40, noise=1.0)
    fast = solver(4, 10, published_fast_mode=published)
    result = fast(
        *data.correspondences,
        ADAPTIVE,
        fast_mode=True,
        with_pose_cov=True,
        with_pose_opt_plus=True,
        generator=seeded(),
    )
    slow = solver(4, 10)(*data.correspondences, ADAPTIVE, data.pose, with_pose_cov=True)
    for pose in (result.pose_opt, result.pose_opt_plus):
        turns = ((pose - slow.pose_opt)[:, 3] / (2 * torch.pi)).round()
        pose = torch.cat((pose[:, :3], pose[:, 3:] - 2 * torch.pi * turns[:, None]), dim=1)
        torch.testing.assert_close(pose, slow.pose_opt, rtol=0, atol=1e-4)
    torch.testing.assert_close(result.pose_cov, slow.pose_cov, rtol=1e-2, atol=1e-5)


def test_nothing_is_returned_that_was_not_asked_for():
    data = scene(4)
    data.x3d.requires_grad_()
    result = LMSolver()(*data.correspondences, ADAPTIVE, data.pose)
    assert result.pose_cov is None
    assert result.pose_opt_plus is None
    assert not result.pose_opt.requires_grad
    plus = LMSolver()(*data.correspondences, ADAPTIVE, data.pose, with_pose_opt_plus=True)
    assert plus.pose_opt_plus.requires_grad


def test_only_two_kinds_of_poses_are_known():
    with pytest.raises(ValueError, match=r"dof must be 4 .* got 5"):
        pose_manifold(5, scene(4).camera)
