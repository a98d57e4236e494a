import cv2
import numpy as np
import pytest
import torch

from epropnp.camera import PerspectiveCamera
from pnp_scenes import INTRINSICS

K = INTRINSICS.double().expand(2, 3, 3)


def points(num=60, seed=0):
    """Points (2, num, 3) in a cube around the camera, so that half of them are behind it."""
    generator = torch.Generator().manual_seed(seed)
    return 4 * torch.rand(2, num, 3, generator=generator, dtype=torch.float64) - 2


def test_projection_agrees_with_opencv():
    intrinsics = K[0].clone()
    intrinsics[0, 1] = 0  # OpenCV knows no skew
    in_front = points() + torch.tensor([0.0, 0.0, 5.0], dtype=torch.float64)
    ours = PerspectiveCamera().bind(intrinsics.expand(2, 3, 3)).project(in_front)
    for mine, cloud in zip(ours, in_front, strict=True):
        theirs, _ = cv2.projectPoints(
            cloud.numpy(), np.zeros(3), np.zeros(3), intrinsics.numpy(), None
        )
        np.testing.assert_allclose(mine, theirs[:, 0], rtol=1e-12)


def test_bounds_follow_the_image_shape():
    shape = torch.tensor([[300, 500], [100, 200]])
    camera = PerspectiveCamera(allowed_border=20).bind(K, shape)
    assert camera.lower.flatten(1).tolist() == [[-20, -20], [-20, -20]]
    assert camera.upper.flatten(1).tolist() == [[520, 320], [220, 120]]
    old = PerspectiveCamera(allowed_border=20, integer_centers=True).bind(K, shape)
    assert old.lower.flatten(1).tolist() == [[-20.5, -20.5]] * 2
    assert old.upper.flatten(1).tolist() == [[519.5, 319.5], [219.5, 119.5]]


def test_projections_are_clipped_to_explicit_bounds():
    upper = torch.tensor([[100.0, 200.0], [300.0, 400.0]])
    camera = PerspectiveCamera().bind(K, lb=-10.0, ub=upper)
    uv = camera.project(points())
    assert uv.min() == -10
    assert uv.amax(1).tolist() == upper.tolist()


def test_points_behind_the_camera_are_projected_at_z_min():
    camera = PerspectiveCamera(z_min=0.25).bind(K)
    behind = torch.tensor([[[0.3, -0.2, -3.0]]], dtype=torch.float64)
    homogeneous = K[0] @ behind[0, 0]
    assert torch.allclose(camera.project(behind)[0, 0], homogeneous[:2] / 0.25)


@pytest.mark.parametrize("bounds", [{}, {"lb": 0.0, "ub": torch.tensor([840.0, 620.0])}])
def test_jacobian_is_the_derivative_and_zero_behind_the_camera(bounds):
    camera = PerspectiveCamera().bind(K, **bounds)
    cloud = points()
    behind = (cloud[..., 2] < camera.z_min).double().mean()
    assert 0.3 < behind < 0.7
    dense = torch.autograd.functional.jacobian(lambda p: camera.project(p).sum((0, 1)), cloud)
    dense = torch.where(cloud[..., 2:] > camera.z_min, dense, 0.0)
    ours = camera.jacobian(camera.dehomogenize(camera.cam_mats @ cloud.mT))
    torch.testing.assert_close(ours.permute(1, 0, 3, 2), dense, rtol=1e-12, atol=1e-9)
    if bounds:  # most coordinates are clipped; the point is that not all are
        assert 0.02 < (dense != 0).double().mean() < 0.4


def test_unclipped_jacobian_keeps_the_derivative_of_clipped_points():
    camera = PerspectiveCamera(clip_jacobian=False).bind(K, lb=0.0, ub=1.0)
    pixels = camera.dehomogenize(camera.cam_mats @ points().mT)
    jacobian = camera.jacobian(pixels)
    torch.testing.assert_close(jacobian[:, 0, 0], K[:, :1, 0] / pixels.depth[:, 0])
    assert (jacobian[:, 1, 2] != 0).all()


def test_rays_invert_the_projection():
    camera = PerspectiveCamera().bind(K)
    cloud = points() + torch.tensor([0.0, 0.0, 5.0], dtype=torch.float64)
    rays = camera.rays(camera.project(cloud).mT)
    torch.testing.assert_close(rays.mT, cloud[..., :2] / cloud[..., 2:], rtol=1e-12, atol=1e-12)


def test_a_singular_camera_gives_finite_rays():
    camera = PerspectiveCamera().bind(torch.zeros(1, 3, 3))
    assert camera.rays(torch.ones(1, 2, 4)).isfinite().all()


def test_bind_returns_a_new_camera_and_moves_with_its_points():
    settings = PerspectiveCamera(z_min=0.3)
    bound = settings.bind(K, torch.tensor([300, 500]), gravity=torch.eye(3).double())
    assert settings.cam_mats is None
    moved = bound.to(torch.zeros(1, dtype=torch.float32))
    assert moved.z_min == 0.3
    tensors = (moved.cam_mats, moved.lower, moved.upper, moved.gravity)
    assert {t.dtype for t in tensors} == {torch.float32}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cam_mats": torch.eye(4)}, r"cam_mats must be \(B, 3, 3\) or \(3, 3\), got \(4, 4\)"),
        ({"cam_mats": torch.eye(3)[0]}, "cam_mats must be"),
        ({"cam_mats": torch.eye(3), "lb": 0.0}, "both lb and ub"),
        (
            {"cam_mats": torch.eye(3), "lb": 0.0, "ub": 1.0, "img_shape": torch.ones(2)},
            "not by both",
        ),
    ],
)
def test_bad_camera_data_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PerspectiveCamera().bind(**arguments)
