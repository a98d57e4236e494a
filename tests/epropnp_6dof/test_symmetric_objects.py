"""What a symmetric object does to the posterior, the losses and the metrics (docs/sixdof.md)."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from epropnp_6dof.metrics import pose_errors
from epropnp_6dof.metrics.accuracy import ModelLike
from epropnp_6dof.models import EPnPRefineSolver
from epropnp_6dof.models.correspondences import grid_pixels
from epropnp_6dof.models.rotations import quaternion_to_matrix
from epropnp_6dof.models.structures import CropBatch, DenseMaps
from epropnp_data.geometry.rigid import RigidPose

HALF_TURN = RigidPose(np.diag([-1.0, -1, 1]), np.zeros(3))
IDENTITY = RigidPose(np.eye(3), np.zeros(3))
GRID = 32


def side_view():
    """Pose (1, 7) of an object whose z axis points up in the image, and its crop."""
    x, y, z, w = Rotation.from_euler("x", 90, degrees=True).as_quat()
    pose = torch.tensor([[0.0, 0, 0.8, w, x, y, z]], dtype=torch.float32)
    cam_mat = torch.tensor([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]])
    step = torch.tensor([80.0 / GRID])
    origin = cam_mat[:2, 2] - step * (GRID - 1) / 2
    return pose, CropBatch(cam_mat[None], origin[None], step, torch.full((1, 3), 0.05), pose)


def axis_maps(pose, batch):
    """What averaging over the symmetry leaves of the coordinates: points on the z axis."""
    uv = grid_pixels(batch, GRID, GRID)[0]
    rays = torch.cat((uv, torch.ones_like(uv[:, :1])), -1) @ torch.linalg.inv(batch.cam_mats[0]).T
    points = (rays * pose[0, 2] - pose[0, :3]) @ quaternion_to_matrix(pose[0, 3:])
    points[:, :2] = 0
    noc = points.T.reshape(1, 3, GRID, GRID) / 0.05
    return DenseMaps(noc, torch.zeros(1, 2, GRID, GRID), torch.tensor([[300.0, 300.0]]))


def test_averaged_coordinates_leave_the_turn_about_the_axis_open_and_nothing_else():
    pose, batch = side_view()
    solver = EPnPRefineSolver(pnp=dict(mc_samples=2048))
    torch.manual_seed(0)
    samples, weights = solver.sample(axis_maps(pose, batch), batch, pose)
    rotations = quaternion_to_matrix(samples[:, 0, 3:])
    weights = weights[:, 0]
    truth = quaternion_to_matrix(pose[0, 3:])
    axis_cosine = rotations[:, :, 2] @ truth[:, 2]
    assert float((axis_cosine * weights).sum()) > 0.97  # tilt stays known
    relative = truth.T @ rotations
    turn = torch.atan2(relative[:, 1, 0] - relative[:, 0, 1], relative[:, 0, 0] + relative[:, 1, 1])
    resultant = torch.hypot((turn.cos() * weights).sum(), (turn.sin() * weights).sum())
    assert float(resultant) < 0.35  # the turn does not
    near_flip = (turn.abs() > np.pi - 0.5).float()
    assert 0.05 < float((near_flip * weights).sum()) < 0.35  # 1.0 / (2 pi) = 0.16 if uniform


def test_add_s_ignores_the_symmetric_choice_and_add_does_not():
    rng = np.random.default_rng(0)
    half = rng.uniform(-0.05, 0.05, size=(400, 3))
    vertices = np.concatenate((half, half @ HALF_TURN.rotation.T))
    model = ModelLike(1, 0.15, vertices, (IDENTITY, HALF_TURN))
    rotation = Rotation.from_rotvec([0.4, 1.0, -0.3]).as_matrix()
    truth = RigidPose(rotation, np.array([0.05, 0.02, 0.9]))
    cam_mat = np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]])
    errors = pose_errors(truth.compose(HALF_TURN), truth, model, cam_mat)
    assert errors.add_s == errors.adi == pytest.approx(0, abs=1e-9)
    assert errors.add > 0.03
    assert errors.rotation_deg == pytest.approx(0, abs=1e-4)
    assert errors.proj == pytest.approx(0, abs=1e-6)
    plain = pose_errors(truth.compose(HALF_TURN), truth, model, cam_mat, fold_symmetries=False)
    assert plain.rotation_deg == pytest.approx(180, abs=1e-4)
