"""Losses against closed forms."""

import pytest
import torch
from scipy.spatial.transform import Rotation

from epropnp.conversions import rotation_to_quaternion
from epropnp_6dof.models.losses import coordinate_loss, rotation_loss, translation_loss
from epropnp_6dof.models.rotations import quaternion_to_matrix


def pose(translation, rotation):
    x, y, z, w = rotation.as_quat()
    return torch.tensor([[*translation, w, x, y, z]], dtype=torch.float64)


def test_rotation_loss_is_one_minus_cosine_whatever_the_quaternion_sign():
    start = Rotation.from_rotvec([0.3, -0.2, 1.0])
    turned = start * Rotation.from_rotvec([0, 0.6, 0.8]) ** 0.7
    angle = (start.inv() * turned).magnitude()
    for sign in (1, -1):
        other = pose([0, 0, 1], turned)
        other[:, 3:] *= sign
        loss = rotation_loss(pose([0, 0, 1], start), other)
        assert float(loss) == pytest.approx(1 - torch.cos(torch.tensor(angle)).item(), rel=1e-6)


@pytest.mark.parametrize(("error", "expected"), [(0.02, 0.02**2 / 0.1), (0.5, 0.5 - 0.025)])
def test_translation_loss_is_smooth_l1_of_the_distance(error, expected):
    identity = Rotation.identity()
    moved = pose([0.6 * error, 0, 1 + 0.8 * error], identity)
    assert float(translation_loss(moved, pose([0, 0, 1], identity))) == pytest.approx(expected)


def test_translation_loss_has_a_finite_gradient_at_zero_error():
    poses = pose([0, 0, 1], Rotation.identity()).requires_grad_()
    translation_loss(poses, poses.detach().clone()).backward()
    assert poses.grad.isfinite().all()


def test_coordinate_loss_averages_over_all_cells_not_the_mask():
    noc, target = torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)
    mask = torch.zeros(2, 1, 4, 4)
    mask[0, 0, :2] = 1
    mask[0, 0, 2, 0] = 0.5
    assert float(coordinate_loss(noc, target, mask)) == pytest.approx(8.5 / 32)


def test_quaternions_of_matrices_equal_scipy_for_every_angle():
    vectors = torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    vectors /= vectors.norm(dim=-1, keepdim=True)
    angles = torch.linspace(0, torch.pi, 50, dtype=torch.float64)[:, None]
    rotations = Rotation.from_rotvec((vectors * angles).numpy())
    matrices = torch.from_numpy(rotations.as_matrix())
    quaternions = rotation_to_quaternion(matrices)
    expected = torch.from_numpy(rotations.as_quat()[:, [3, 0, 1, 2]])
    torch.testing.assert_close((quaternions * expected).sum(-1).abs(), torch.ones(50).double())
    torch.testing.assert_close(quaternion_to_matrix(quaternions), matrices)
