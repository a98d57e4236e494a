import math
from dataclasses import replace

import pytest
import torch

from epropnp import AMIS, EagerBackend, Peaks, levenberg_marquardt, pose_modes
from epropnp.kernels import Huber
from epropnp.manifolds import QuatPose, YawPose
from epropnp.posterior import canonical, distribution_from_samples
from epropnp.proposals import QuaternionProposals, YawProposals
from epropnp.reprojection import ReprojectionCost
from epropnp.robust_kernels import Tukey
from epropnp.symmetry import Symmetry
from epropnp.tangent import step_between
from epropnp.terms import PosePrior, SumCost
from pose_problems import box_points, camera, generator, project, random_poses

NUM = 2


def ambiguous(dof, order):
    """Every image point is matched to all places of the object that look like it.

    Returns:
        The cost, and the poses (order, B, P) that explain the image equally well.
    """
    manifold = YawPose() if dof == 4 else QuatPose()
    symmetry = Symmetry.about((0.0, 1.0, 0.0), order)
    pose = random_poses(NUM, dof, seed=2)
    points = box_points(NUM, 15, (2.0, 1.0, 2.0), seed=2)
    seen = project(pose, points, manifold)
    turned = [points @ turn[:3, :3].mT for turn in symmetry.transforms]
    x3d, x2d = torch.cat(turned, 1), torch.cat([seen] * order, 1)
    kernel = Tukey(torch.full((NUM,), 6.0).double())
    cost = ReprojectionCost.from_correspondences(
        x3d, x2d, torch.full_like(x2d, 0.5), camera(NUM), kernel, manifold
    )
    return cost, symmetry.equivalent(manifold, pose)


def distribution(cost, poses, samples=1024):
    """Distribution sampled around all the given poses (K, B, P), in one round."""
    found = levenberg_marquardt(cost, poses, 10)
    covariance, _ = found.covariance()
    shares = torch.full(poses.shape[:2], -math.log(len(poses))).double()
    family = YawProposals() if cost.manifold.dof == 4 else QuaternionProposals()
    drawn = AMIS(samples, 1, family).sample(
        cost, Peaks(found.pose_opt, covariance, shares), EagerBackend(), generator()
    )
    return distribution_from_samples(cost, poses[0], drawn)


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("order", [2, 3])
def test_a_symmetric_object_gives_all_its_modes_in_equal_parts(dof, order):
    cost, poses = ambiguous(dof, order)
    density = distribution(cost, poses)
    modes = pose_modes(density)
    assert modes.count.tolist() == [order] * NUM
    assert torch.equal(modes.pose_opt[:order], canonical(modes.pose_opt[:order]))
    poses = levenberg_marquardt(cost, poses, 40).pose_opt  # matches of the others pull a little
    for b in range(NUM):
        gaps = torch.stack(
            [
                step_between(
                    cost.manifold, modes.pose_opt[:order, b], poses[e, b].expand(order, -1)
                )
                for e in range(order)
            ]
        ).norm(dim=-1)
        assert (gaps.amin(0) < 1e-5).all()
        assert gaps.argmin(0).unique().numel() == order
    # each share is a mean of weights: its standard error is at most half of 1 / sqrt(ESS)
    error = 0.5 / density.effective_sample_size.sqrt()
    assert ((modes.mass[:order] - 1 / order).abs() < 4 * error).all()
    torch.testing.assert_close(modes.mass.sum(0), torch.ones(NUM).double())
    assert (modes.mass[order:] == 0).all()
    assert (modes.mass.diff(dim=0) <= 0).all()


def test_masses_follow_height_and_width():
    """A prior that leans to one mode shifts the masses as the Laplace approximation says."""
    ambiguous_cost, poses = ambiguous(4, 2)
    toward = poses[1].clone()
    toward[:, 3] += 0.4
    spread = torch.diag(torch.tensor([100.0, 100.0, 100.0, 4.0])).double()
    cost = SumCost((ambiguous_cost, PosePrior.from_covariance(toward, spread, YawPose())))
    density = distribution(cost, poses)
    modes = pose_modes(density)
    assert modes.count.tolist() == [2] * NUM
    logits = -modes.cost[:2] + 0.5 * torch.linalg.slogdet(modes.pose_cov[:2]).logabsdet
    expected = logits.softmax(0)
    error = 0.5 / density.effective_sample_size.sqrt()
    assert ((modes.mass[:2] - expected).abs() < 4 * error).all()
    assert (modes.mass[0] > 0.6).all()
    nearest = canonical(poses[1])
    assert (modes.pose_opt[0] - nearest).abs().max() < 0.05


def test_a_single_mode_is_that_of_the_distribution():
    manifold = QuatPose()
    pose, points = random_poses(NUM, 6), box_points(NUM, 20)
    x2d = project(pose, points, manifold)
    kernel = Huber(torch.full((NUM,), math.inf).double())
    cost = ReprojectionCost.from_correspondences(
        points, x2d, torch.ones_like(x2d), camera(NUM), kernel, manifold
    )
    density = distribution(cost, pose[None])
    modes = pose_modes(density, max_modes=3)
    assert modes.count.tolist() == [1] * NUM
    assert step_between(manifold, modes.pose_opt[0], density.pose_opt).norm(dim=-1).max() < 1e-6
    torch.testing.assert_close(modes.pose_cov[0], density.pose_cov, rtol=1e-4, atol=1e-12)


def test_small_modes_are_given_to_the_others():
    cost, poses = ambiguous(4, 3)
    density = distribution(cost, poses)
    assert pose_modes(density, max_modes=2).count.tolist() == [2] * NUM
    assert pose_modes(density, min_mass=0.9).count.tolist() == [0] * NUM


def test_bad_objects_have_no_modes_and_leave_the_others_alone():
    cost, poses = ambiguous(4, 2)
    clean = pose_modes(distribution(cost, poses))
    spoiled = cost.weights.clone()
    spoiled[0] = math.nan
    modes = pose_modes(distribution(cost.with_leaves({"weights": spoiled}), poses))
    assert modes.count.tolist() == [0, 2]
    assert torch.equal(modes.mass[:, 1], clean.mass[:, 1])
    assert (modes.mass[:, 0] == 0).all()


def test_an_object_that_is_not_valid_has_no_modes():
    cost, poses = ambiguous(4, 2)
    density = replace(distribution(cost, poses), valid=torch.tensor([True, False]))
    assert pose_modes(density).count.tolist() == [2, 0]


def test_numbers_that_make_no_sense():
    cost, poses = ambiguous(4, 2)
    density = distribution(cost, poses, samples=64)
    for bad in ({"max_modes": 0}, {"num_starts": 0}, {"min_mass": 1.0}):
        with pytest.raises(ValueError, match="must be positive"):
            pose_modes(density, **bad)
