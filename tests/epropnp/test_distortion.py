from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from scipy import optimize

from epropnp import EProPnP6DoF, Huber, HuberPnPCost, PerspectiveCamera, QuatPose, ReprojectionCost
from epropnp.distortion import (
    DistortedCamera,
    distort,
    distortion_jacobian,
    turning_radius,
    undistort,
)
from pnp_scenes import INTRINSICS, scene

K = INTRINSICS.double().clone()
K[0, 1] = 0.0  # OpenCV knows no skew
# a mild lens, a wide one with strong barrel distortion, and a pincushion
LENSES = torch.tensor(
    [
        [-0.05, 0.01, 1e-3, -5e-4, 0.002],
        [-0.35, 0.14, -2e-4, 8e-4, -0.025],
        [0.12, 0.05, 0.0, 1e-3, 0.01],
    ],
    dtype=torch.float64,
)


def points(num=60, spread=0.9, seed=0):
    """Camera-frame points (3, num, 3) in front of the camera, within a field of view."""
    generator = torch.Generator().manual_seed(seed)
    plane = spread * (2 * torch.rand(3, num, 2, generator=generator, dtype=torch.float64) - 1)
    depth = 1 + 5 * torch.rand(3, num, 1, generator=generator, dtype=torch.float64)
    return torch.cat((plane, torch.ones_like(depth)), -1) * depth


def camera(**changes):
    settings = replace(DistortedCamera(), **changes)
    return settings.bind(K.expand(3, 3, 3), distortion=LENSES)


def test_projection_agrees_with_opencv():
    cloud = points(spread=0.5)
    ours = camera().project(cloud)
    for mine, place, lens in zip(ours, cloud, LENSES, strict=True):
        theirs, _ = cv2.projectPoints(
            place.numpy(), np.zeros(3), np.zeros(3), K.numpy(), lens.numpy()
        )
        np.testing.assert_allclose(mine, theirs[:, 0], rtol=1e-12)


def test_jacobian_agrees_with_autograd_where_nothing_is_clipped():
    cloud = points(spread=1.6)
    lens = camera()
    dense = torch.autograd.functional.jacobian(lambda p: lens.project(p).sum((0, 1)), cloud)
    pixels = lens.dehomogenize(cloud.mT)
    assert 0.5 < pixels.inside.double().mean() < 1.0
    ours = lens.jacobian(pixels).permute(1, 0, 3, 2)
    inside = pixels.inside.squeeze(1)
    torch.testing.assert_close(ours[:, inside], dense[:, inside], rtol=1e-11, atol=1e-9)
    assert (ours[:, ~inside] == 0).all()


def test_points_behind_and_out_of_bounds_have_no_derivative():
    lens = camera().bind(K.expand(3, 3, 3), lb=0.0, ub=400.0, distortion=LENSES)
    cloud = points()
    cloud[:, ::3, 2] *= -1
    pixels = lens.dehomogenize(cloud.mT)
    jacobian = lens.jacobian(pixels)
    assert (jacobian[..., ::3] == 0).all()
    flat = torch.cat((cloud[:, ::3, :2], torch.full_like(cloud[:, ::3, 2:], lens.z_min)), dim=-1)
    torch.testing.assert_close(lens.project(cloud)[:, ::3], lens.project(flat))
    on_bound = (pixels.uv == 0) | (pixels.uv == 400)
    assert on_bound.any()
    assert (jacobian.abs().amax(2)[on_bound] == 0).all()
    assert (jacobian != 0).any()


def test_jacobian_of_the_lens():
    plane = points(8)[..., :2].mT.contiguous().requires_grad_()
    dense = torch.autograd.functional.jacobian(
        lambda p: distort(p, LENSES[..., None]).sum((0, 2)), plane
    )
    torch.testing.assert_close(
        distortion_jacobian(plane, LENSES[..., None]).permute(1, 0, 2, 3).detach(),
        dense,
        rtol=1e-12,
        atol=0,
    )


@pytest.mark.parametrize(("index", "power"), [(0, 2), (1, 4), (4, 6)])
def test_points_beyond_the_turning_radius_do_not_come_back(index, power):
    """Barrel distortion without its counter terms folds the far plane into the image."""
    lens = torch.zeros(5, dtype=torch.float64)
    lens[index] = -0.3
    radius = turning_radius(lens[:, None]).item()
    turn = optimize.brentq(lambda r: 1 - 0.3 * (power + 1) * r**power, 0, 4)
    assert turn - 4 / 255 <= radius <= turn
    folded = DistortedCamera().bind(K, distortion=lens)
    outward = torch.stack(
        (torch.linspace(0, 5, 200), torch.zeros(200), torch.ones(200)), dim=-1
    ).double()
    u = folded.project(outward)[:, 0]
    assert (u.diff() >= -1e-9).all()
    raw = K[0, 0] * distort(outward[:, :2].T, lens[:, None])[0] + K[0, 2]
    assert (raw.diff() < 0).any()


def test_a_pincushion_does_not_turn():
    assert turning_radius(LENSES[2, :, None]).item() == 100.0


def test_undistortion_converges_as_newton_steps_do(monkeypatch):
    monkeypatch.setattr("epropnp.distortion.UNDISTORT_STEPS", 5)
    plane = points(spread=0.5)[..., :2].mT / points(spread=0.5)[..., 2:].mT
    lenses = LENSES[..., None]
    torch.testing.assert_close(undistort(distort(plane, lenses), lenses), plane, rtol=0, atol=1e-12)


def test_undistorted_points_agree_with_opencv_and_go_back():
    cloud = points(spread=0.5)
    lens = camera()
    pixels = lens.project(cloud)
    rays = lens.rays(pixels.mT).mT
    torch.testing.assert_close(rays, cloud[..., :2] / cloud[..., 2:], rtol=1e-10, atol=1e-12)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 200, 1e-14)
    for mine, seen, coefficients in zip(rays, pixels, LENSES, strict=True):
        theirs = cv2.undistortPointsIter(
            seen.numpy()[:, None], K.numpy(), coefficients.numpy(), None, None, criteria
        )
        np.testing.assert_allclose(mine, theirs[:, 0], rtol=1e-7, atol=1e-9)


def test_points_no_lens_produces_stay_finite():
    far = torch.tensor([[50.0, -1e4, 0.0], [3.0, 1e4, 0.0]], dtype=torch.float32)
    assert undistort(far.expand(3, 2, 3), LENSES.float()[..., None]).isfinite().all()


def test_without_distortion_it_is_the_pinhole_camera():
    problem = scene(6, noise=1.0)
    plain = problem.camera
    lens = DistortedCamera(lower=plain.lower, upper=plain.upper).bind(
        plain.cam_mats, torch.tensor([620, 840]), distortion=torch.zeros(5).double()
    )
    kernel = Huber(torch.full((3,), 2.0).double())
    costs = [
        ReprojectionCost.from_correspondences(*problem[:3], cam, kernel, QuatPose())
        for cam in (plain, lens)
    ]
    pose = problem.pose + 0.01
    for mine, theirs in zip(*(cost.linearize(pose) for cost in costs), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(costs[1].value(pose), costs[0].value(pose), rtol=1e-9, atol=0)
    torch.testing.assert_close(costs[1].rough_translation(), costs[0].rough_translation())


def test_linearized_cost_is_the_derivative_of_its_value():
    problem = scene(6, noise=2.0)
    cost = distorted_cost(problem)
    pose = problem.pose.clone()
    pose[:, :3] += 0.1
    step = torch.zeros(3, 6, dtype=torch.float64, requires_grad=True)
    value = cost.value(QuatPose().retract(pose, step))
    (gradient,) = torch.autograd.grad(value.sum(), step)
    equations = cost.normal_equations(pose)
    torch.testing.assert_close(equations.gradient, gradient, rtol=1e-9, atol=1e-7)
    torch.testing.assert_close(equations.value, value.detach(), rtol=1e-12, atol=0)


def distorted_cost(problem):
    lens = DistortedCamera().bind(problem.camera.cam_mats, distortion=LENSES)
    kernel = Huber(torch.full((3,), 3.0).double())
    return ReprojectionCost.from_correspondences(*problem[:3], lens, kernel, QuatPose())


def test_the_layer_solves_what_a_lens_saw_and_learns_its_coefficients():
    problem = scene(6, points=40)
    coefficients = LENSES.clone().requires_grad_()
    lens = DistortedCamera().bind(problem.camera.cam_mats, distortion=coefficients)
    rotation = QuatPose().rotation_matrix(problem.pose)
    x2d = lens.project(problem.x3d @ rotation.mT + problem.pose[:, None, :3]).detach()
    layer = EProPnP6DoF(128)
    generator = torch.Generator().manual_seed(0)
    arguments = (problem.x3d, x2d, problem.w2d)
    found = layer(*arguments, lens, HuberPnPCost(5.0), generator=generator)
    assert (found.pose_opt[:, :3] - problem.pose[:, :3]).abs().max() < 1e-5
    pinhole = PerspectiveCamera().bind(problem.camera.cam_mats)
    wrong = layer(*arguments, pinhole, HuberPnPCost(5.0), problem.pose)
    assert (wrong.pose_opt[:, :3] - problem.pose[:, :3]).norm(dim=1).max() > 0.05

    result = layer.monte_carlo_forward(
        *arguments, lens, HuberPnPCost(5.0), problem.pose + 0.001, generator=generator
    )
    (result.cost_target + result.pose_sample_logweights.logsumexp(0)).sum().backward()
    assert coefficients.grad.isfinite().all()
    assert (coefficients.grad[:, :4] != 0).all()


@pytest.mark.parametrize("shape", [(3,), (2, 8), (1, 2, 5)])
def test_wrong_number_of_coefficients(shape):
    with pytest.raises(ValueError, match="distortion must be"):
        DistortedCamera().bind(K, distortion=torch.zeros(shape))


def test_four_coefficients_have_no_sixth_order_term():
    four = DistortedCamera().bind(K, distortion=LENSES[0, :4])
    assert four.distortion[:, 0].tolist() == [*LENSES[0, :4].tolist(), 0.0]
