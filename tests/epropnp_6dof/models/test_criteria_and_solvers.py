"""Criteria give useful gradients; solvers find the pose of perfect maps."""

import pytest
import torch

from epropnp_6dof.models import (
    CoordRegressionCriterion,
    EPnPRefineSolver,
    MonteCarloCriterion,
    RansacPnPSolver,
)
from epropnp_6dof.models.correspondences import find_weighting, gather_correspondences
from epropnp_6dof.models.losses import rotation_loss, translation_loss
from epropnp_6dof.models.pose_solvers import epnp
from epropnp_6dof.models.structures import CropBatch, DenseMaps
from sixdof_reference import synthetic_crops

FEW = dict(mc_samples=64)


def perfect_maps(batch, noise=0.0):
    torch.manual_seed(0)
    noc = batch.noc_gt + noise * torch.randn_like(batch.noc_gt)
    size = noc.shape[-1]
    logits = torch.zeros(len(noc), 2, size, size)
    return DenseMaps(noc, logits, torch.full((len(noc), 2), 20.0))


def trainable(maps):
    return DenseMaps(*(field.clone().requires_grad_() for field in maps))


@pytest.mark.parametrize("weighting", ["softmax", "centered_exp"])
def test_monte_carlo_losses_are_finite_and_reach_every_map(weighting):
    batch = synthetic_crops()
    maps = trainable(perfect_maps(batch, noise=0.05))
    criterion = MonteCarloCriterion(num_points=128, weighting=weighting, pnp=FEW)
    losses = criterion(maps, batch)
    assert set(losses) == {"loss_mc", "loss_translation", "loss_rotation", "loss_coord"}
    sum(losses.values()).backward()
    for field in maps:
        assert field.grad.isfinite().all()
        assert field.grad.abs().sum() > 0


def test_model_free_training_ignores_coordinate_targets():
    batch = synthetic_crops()._replace(noc_gt=None, mask_gt=None)
    maps = trainable(perfect_maps(synthetic_crops(), noise=0.05))
    criterion = MonteCarloCriterion(num_points=128, pnp=FEW, loss_weights=dict(coord=0.0))
    losses = criterion(maps, batch)
    assert set(losses) == {"loss_mc", "loss_translation", "loss_rotation"}


def test_zero_weights_leave_their_losses_out():
    batch = synthetic_crops()
    weights = dict(mc=0.02, translation=0.0, rotation=0.0)
    criterion = MonteCarloCriterion(num_points=64, pnp=FEW, loss_weights=weights)
    assert set(criterion(perfect_maps(batch), batch)) == {"loss_mc", "loss_coord"}


def test_one_broken_crop_does_not_spoil_the_gradients_of_the_others():
    batch = synthetic_crops()
    maps = perfect_maps(batch, noise=0.05)
    maps.noc[1] = torch.nan
    maps = trainable(maps)
    weights = dict(coord=0.0)
    criterion = MonteCarloCriterion(num_points=64, pnp=FEW, loss_weights=weights)
    sum(criterion(maps, batch).values()).backward()
    for keep in (0, 2):
        assert maps.noc.grad[keep].isfinite().all()
        assert maps.noc.grad[keep].abs().sum() > 0


def test_optimising_the_maps_by_the_monte_carlo_loss_alone_finds_the_pose():
    batch = synthetic_crops(batch_size=2)
    maps = perfect_maps(batch, noise=0.3)
    noc, log_scale = maps.noc.clone().requires_grad_(), maps.scale.log().requires_grad_()
    weights = dict(coord=0.0, translation=0.0, rotation=0.0, mc=1.0)
    criterion = MonteCarloCriterion(num_points=256, pnp=FEW, loss_weights=weights)
    solver = EPnPRefineSolver(pnp=FEW)

    def error():
        current = DenseMaps(noc.detach(), maps.weight_logits, log_scale.detach().exp())
        poses = solver(current, batch).poses
        return float(rotation_loss(poses, batch.poses_gt))

    before = error()
    optimizer = torch.optim.Adam([noc, log_scale], lr=0.02)
    torch.manual_seed(0)
    for _ in range(40):
        current = DenseMaps(noc, maps.weight_logits, log_scale.exp())
        loss = criterion(current, batch)["loss_mc"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert error() < 0.1 * before


@pytest.mark.parametrize("fast_mode", [False, True])
def test_refinement_finds_the_pose_of_perfect_maps(fast_mode):
    batch = synthetic_crops()
    solved = EPnPRefineSolver(fast_mode=fast_mode)(perfect_maps(batch), batch)
    assert bool(solved.valid.all())
    assert float(translation_loss(solved.poses, batch.poses_gt)) < 1e-6
    assert float(rotation_loss(solved.poses, batch.poses_gt)) < 1e-6
    assert solved.covariances.shape == (3, 6, 6)
    assert (torch.linalg.eigvalsh(solved.covariances) > 0).all()


def test_refinement_starts_at_random_where_epnp_has_no_answer():
    batch = synthetic_crops()
    maps = perfect_maps(batch)
    maps.weight_logits[1] = torch.randn(16, 16)  # the top one percent are three cells only
    points = gather_correspondences(maps, batch, find_weighting("softmax"))
    assert epnp(points, batch.cam_mats, 0.01)[1].tolist() == [True, False, True]
    solved = EPnPRefineSolver(
        top_fraction=0.01, pnp=dict(solver=dict(init_solver=dict(num_proposals=32)))
    )(maps, batch)
    assert bool(solved.valid.all())
    assert float(rotation_loss(solved.poses, batch.poses_gt)) < 1e-6


def test_a_crop_without_finite_maps_is_not_valid_and_leaves_the_others_alone():
    batch = synthetic_crops()
    maps = perfect_maps(batch)
    maps.noc[1] = torch.nan
    solved = EPnPRefineSolver()(maps, batch)
    assert solved.valid.tolist() == [True, False, True]
    kept = torch.tensor([0, 2])
    assert float(rotation_loss(solved.poses[kept], batch.poses_gt[kept])) < 1e-6


def test_ransac_uses_the_masked_cells_only():
    batch = synthetic_crops()
    maps = perfect_maps(batch)
    maps.noc[..., :8] += 1.0  # wrong where the mask says background
    maps.weight_logits[..., :8] = -1
    maps.weight_logits[..., 8:] = 1
    solved = RansacPnPSolver()(maps, batch)
    assert bool(solved.valid.all())
    assert float(rotation_loss(solved.poses, batch.poses_gt)) < 1e-4
    maps.weight_logits[2] = -1
    assert RansacPnPSolver()(maps, batch).valid.tolist() == [True, True, False]


def test_no_crops_is_a_normal_batch():
    crops = synthetic_crops()
    batch = CropBatch(*(None if field is None else field[:0] for field in crops))
    maps = DenseMaps(torch.zeros(0, 3, 16, 16), torch.zeros(0, 2, 16, 16), torch.zeros(0, 2))
    for solver in (EPnPRefineSolver(), RansacPnPSolver()):
        assert solver(maps, batch).poses.shape == (0, 7)


def test_regression_criterion_trains_coordinates_and_mask():
    batch = synthetic_crops()
    batch.mask_gt[..., :8] = 0
    maps = trainable(perfect_maps(batch, noise=0.1))
    losses = CoordRegressionCriterion()(maps, batch)
    assert set(losses) == {"loss_coord", "loss_mask"}
    sum(losses.values()).backward()
    assert maps.noc.grad[..., :8].abs().sum() == 0
    assert (maps.weight_logits.grad[..., 8:] < 0).all()
    assert (maps.weight_logits.grad[..., :8] > 0).all()
