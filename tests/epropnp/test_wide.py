import math

import pytest
import torch

from epropnp import AMIS, levenberg_marquardt, pose_modes
from epropnp.distributions import LOG_SPHERE_AREA, AngularCentralGaussian
from epropnp.manifolds import QuatPose
from epropnp.posterior import distribution_from_samples
from epropnp.proposals import QuaternionProposals
from epropnp.reprojection import ReprojectionCost
from epropnp.robust_kernels import Tukey
from epropnp.symmetry import Symmetry
from epropnp.wide import AngularUniformMix, WideQuaternionProposals
from pose_problems import box_points, camera, generator, project, random_poses

MANY = 40000


def mixture(weight=0.3):
    factor = torch.diag(torch.tensor([1.0, 0.1, 0.2, 0.15], dtype=torch.float64))
    return AngularUniformMix(AngularCentralGaussian(factor.repeat(2, 1, 1)), weight)


def mean_is(samples, expected):
    """Within 4.5 standard errors."""
    error = samples.std(0) / math.sqrt(len(samples))
    return ((samples.mean(0) - expected).abs() < 4.5 * error).all()


def test_density_integrates_to_one():
    normal = torch.randn(MANY, 2, 4, generator=generator()).double()
    uniform = normal / normal.norm(dim=-1, keepdim=True)
    assert mean_is((mixture().log_prob(uniform) + LOG_SPHERE_AREA).exp(), 1.0)


@pytest.mark.parametrize("num", [MANY, 1, 3])
def test_draws_follow_the_density_for_every_number(num):
    """The mean of another density over one's own is one; draws of another share would miss it."""
    dist, source = mixture(), generator(1)
    drawn = torch.cat([dist.sample(num, source) for _ in range(MANY // num if num > 1 else 8000)])
    assert mean_is((-LOG_SPHERE_AREA - dist.log_prob(drawn)).exp(), 1.0)
    torch.testing.assert_close(drawn.norm(dim=-1), torch.ones(drawn.shape[:2]).double())


def test_another_share_would_be_seen():
    """The test above, against a density of a share that is a tenth off."""
    drawn = mixture(0.27).sample(MANY, generator(1))
    assert not mean_is((-LOG_SPHERE_AREA - mixture(0.3).log_prob(drawn)).exp(), 1.0)


def ambiguous(batch=40):
    """Boxes with a half turn that the matches do not decide; both modes some 6 degrees wide."""
    manifold, symmetry = QuatPose(), Symmetry.about((0.0, 1.0, 0.0), 2)
    pose, points = random_poses(batch, 6, seed=2), box_points(batch, 6, (2.0, 1.0, 2.0), seed=2)
    seen = project(pose, points, manifold)
    x3d = torch.cat([points @ turn[:3, :3].mT for turn in symmetry.transforms], 1)
    x2d = torch.cat([seen] * 2, 1)
    kernel = Tukey(torch.full((batch,), 6.0).double())
    weights = torch.full_like(x2d, 0.1)
    cost = ReprojectionCost.from_correspondences(x3d, x2d, weights, camera(batch), kernel, manifold)
    return cost, levenberg_marquardt(cost, pose, 20)


def test_the_uniform_share_finds_more_second_modes():
    cost, solution = ambiguous()
    found = {}
    for family in (QuaternionProposals(), WideQuaternionProposals(uniform_weight=0.25)):
        drawn = AMIS(512, 4, family)(cost, solution.pose_opt, solution.covariance()[0], generator())
        modes = pose_modes(distribution_from_samples(cost, solution.pose_opt, drawn))
        found[type(family)] = (modes.count > 1).sum().item()
    # 10 and 20 of 40 when written; the difference is two standard deviations of a binomial count
    assert found[WideQuaternionProposals] >= found[QuaternionProposals] + 6


def test_both_rounds_of_the_family_are_wide():
    family = WideQuaternionProposals(uniform_weight=0.1)
    pose = random_poses(3, 6)
    first = family.around(pose, 1e-6 * torch.eye(6).double().expand(3, 6, 6))
    poses = first.sample(100, generator())
    fitted = family.fit(poses, torch.zeros(100, 3).double())
    for proposal in (first, fitted):
        assert proposal.quaternion.uniform_weight == 0.1
        far = torch.cat((pose[:, :3], QuatPose().random_rotation((3,), pose, generator())), dim=1)
        floor = proposal.translation.log_prob(far[None, :, :3]) + math.log(0.1) - LOG_SPHERE_AREA
        assert (proposal.log_prob(far[None]) >= floor - 1e-9).all()


@pytest.mark.parametrize("weight", [0.0, 1.0, -0.1, math.nan])
def test_a_share_outside_is_refused(weight):
    with pytest.raises(ValueError, match="uniform_weight must be between 0 and 1"):
        WideQuaternionProposals(uniform_weight=weight)
