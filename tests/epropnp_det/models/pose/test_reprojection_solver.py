"""The pose stage that trains on reprojection errors: its loss against the formula by hand."""

import torch

from det_pose_objects import PNP, make_objects
from epropnp import monte_carlo_pose_loss
from epropnp_det.models.pose import PoseSolver, ReprojectionPoseSolver

L2 = dict(type="L2PnPCost")


def shifted_objects():
    """Objects whose points are 3 pixels right and 4 above where the true pose projects them."""
    objects, *others = make_objects()
    return objects._replace(x2d=objects.x2d + torch.tensor([3.0, -4.0])), *others


def training_loss(scale):
    stage = ReprojectionPoseSolver(PNP, cost_fun=L2)
    objects, poses, geometry, img_inds = shifted_objects()
    objects = objects._replace(scale=scale.expand_as(objects.scale))
    trained = stage.training_poses(objects, geometry, img_inds, poses)
    return monte_carlo_pose_loss(trained.log_weights, trained.cost_target), trained


def test_loss_is_the_likelihood_of_the_pixels():
    weight = 0.25  # of each of 32 points, 1 / pixel
    loss, trained = training_loss(torch.tensor(32 * weight))
    assert trained.log_weights.shape == (1, 6)
    by_hand = 32 * (0.5 * weight**2 * (3**2 + 4**2) - 2 * torch.tensor(weight).log())
    torch.testing.assert_close(loss, by_hand.expand(6), rtol=1e-3, atol=0)


def test_the_best_weight_is_one_over_the_deviation():
    """Two coordinates of squares 9 and 16 share a weight: its best square is 2 / 25."""
    scale = torch.tensor(32 * (2 / 25) ** 0.5, requires_grad=True)
    (gradient,) = torch.autograd.grad(training_loss(scale)[0].sum(), scale)
    # six objects of 64 terms, each of which alone has a slope of about 1 / scale
    assert gradient.abs() < 1e-3 * 6 * 64 / scale


def test_points_without_weight_are_not_learnt_and_do_no_harm():
    stage = ReprojectionPoseSolver(PNP, cost_fun=L2)
    objects, poses, geometry, img_inds = shifted_objects()
    w2d = objects.w2d.clone()
    w2d[:, :4] = 0
    w2d.requires_grad_()
    trained = stage.training_poses(objects._replace(w2d=w2d), geometry, img_inds, poses)
    loss = monte_carlo_pose_loss(trained.log_weights, trained.cost_target).sum()
    (gradient,) = torch.autograd.grad(loss, w2d)
    assert loss.isfinite()
    assert (gradient[:, :4] == 0).all()
    assert (gradient[:, 4:] != 0).all()


def test_estimates_are_those_of_the_usual_stage():
    objects, _, geometry, img_inds = make_objects(noise=5.0)
    poses = [
        kind(PNP)
        .solve(objects, geometry, img_inds, generator=torch.Generator().manual_seed(0))
        .poses
        for kind in (PoseSolver, ReprojectionPoseSolver)
    ]
    torch.testing.assert_close(*poses)
