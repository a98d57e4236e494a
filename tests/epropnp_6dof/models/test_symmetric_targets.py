"""Of equivalent targets the one nearest to the prediction is trained on."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from epropnp_6dof.bop import symmetry_transforms
from epropnp_6dof.models.structures import CropBatch, DenseMaps
from epropnp_6dof.models.symmetric_targets import compose, nearest_targets


def third_turn():
    """A third of a turn about an axis that is neither through the origin nor along z."""
    rotation = Rotation.from_rotvec(2 * np.pi / 3 * np.array([0.6, 0, 0.8])).as_matrix()
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, (np.eye(3) - rotation) @ [0.01, 0.02, 0]
    return torch.tensor(matrix)


def make_batch(count=3, size=4):
    generator = torch.Generator().manual_seed(0)
    quaternion = torch.randn(count, 4, generator=generator, dtype=torch.float64)
    translation = torch.rand(count, 3, generator=generator, dtype=torch.float64) + 1
    return CropBatch(
        cam_mats=torch.eye(3).expand(count, 3, 3),
        grid_origin=torch.zeros(count, 2),
        grid_step=torch.ones(count),
        coord_scale=torch.tensor([[0.05, 0.04, 0.03]]).double().expand(count, 3),
        poses_gt=torch.cat((translation, quaternion / quaternion.norm(dim=1, keepdim=True)), 1),
        noc_gt=torch.randn(count, 3, size, size, generator=generator, dtype=torch.float64),
        mask_gt=torch.ones(count, 1, size, size, dtype=torch.float64),
        symmetries=torch.stack((torch.eye(4).double(), third_turn())).expand(count, 2, 4, 4),
    )


def points_cam(batch):
    """Camera coordinates (B, n, 3) of the target coordinates, by scipy."""
    scaled = (batch.noc_gt * batch.coord_scale[:, :, None, None]).flatten(2).mT.numpy()
    poses = batch.poses_gt.numpy()
    rotations = Rotation.from_quat(np.roll(poses[:, 3:], -1, axis=1)).as_matrix()
    return scaled @ rotations.swapaxes(1, 2) + poses[:, None, :3]


def predict(noc):
    return DenseMaps(noc, torch.zeros(len(noc), 2, 4, 4), torch.ones(len(noc), 2))


def test_prediction_of_either_equivalent_is_a_perfect_one():
    batch = make_batch()
    other = nearest_targets(predict(turned(batch)), batch)
    torch.testing.assert_close(other.noc_gt, turned(batch))
    same = nearest_targets(predict(batch.noc_gt + 0.01), batch)
    torch.testing.assert_close(same.noc_gt, batch.noc_gt)
    torch.testing.assert_close(
        compose(batch.poses_gt, batch.symmetries[:, 0]).abs(), batch.poses_gt.abs()
    )


def turned(batch):
    """Coordinates of the same surface points named by the other equivalent, point by point."""
    inverse = np.linalg.inv(third_turn().numpy())
    scale = batch.coord_scale[:, None].numpy()
    points = batch.noc_gt.flatten(2).mT.numpy() * scale
    moved = (points @ inverse[:3, :3].T + inverse[:3, 3]) / scale
    return torch.tensor(moved).mT.unflatten(2, (4, 4))


def test_chosen_pose_and_coordinates_name_the_same_points_in_space():
    batch = make_batch()
    chosen = nearest_targets(predict(turned(batch)), batch)
    assert (chosen.poses_gt - batch.poses_gt).abs().max() > 0.1
    np.testing.assert_allclose(points_cam(chosen), points_cam(batch), atol=1e-12)


def test_each_crop_chooses_for_itself_and_masked_cells_do_not_count():
    batch = make_batch()
    noc = batch.noc_gt.clone()
    noc[1] = turned(batch)[1]
    mask = batch.mask_gt.clone()
    mask[2, :, 0] = 0
    noc[2, :, 0] = turned(batch)[2, :, 0]
    chosen = nearest_targets(predict(noc), batch._replace(mask_gt=mask))
    moved = (chosen.poses_gt[:, :3] - batch.poses_gt[:, :3]).abs().amax(1) > 1e-6
    assert moved.tolist() == [False, True, False]


@pytest.mark.parametrize("change", [dict(symmetries=None), dict(mask_gt=torch.zeros(3, 1, 4, 4))])
def test_without_symmetry_or_target_the_annotation_stays(change):
    batch = make_batch()._replace(**change)
    chosen = nearest_targets(predict(turned(make_batch())), batch)
    torch.testing.assert_close(chosen.noc_gt, batch.noc_gt)
    torch.testing.assert_close(chosen.poses_gt[:, :3], batch.poses_gt[:, :3])


def test_full_turn_is_followed_to_a_few_degrees():
    info = {"symmetries_continuous": [{"axis": [0, 0, 1], "offset": [0, 0, 0]}]}
    known = symmetry_transforms(info, max_step=0.1)
    matrices = torch.eye(4).double().repeat(len(known), 1, 1)
    matrices[:, :3, :3] = torch.tensor(np.stack([s.rotation for s in known]))
    batch = make_batch()
    batch = batch._replace(
        symmetries=matrices.expand(3, *matrices.shape),
        coord_scale=torch.full_like(batch.coord_scale, 0.05),
    )
    angle = torch.tensor(1.0)
    c, s = angle.cos(), angle.sin()
    turn = torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]]).double()
    prediction = torch.einsum("ij,bjhw->bihw", turn, batch.noc_gt)
    chosen = nearest_targets(predict(prediction), batch)
    step = 2 * np.pi / len(known)
    radius = batch.noc_gt[:, :2].norm(dim=1)
    distance = (chosen.noc_gt - prediction).norm(dim=1)
    assert (distance <= radius * step / 2 + 1e-6).all()
