import math

import pytest
import torch

from epropnp.amis import AMIS
from epropnp.backends import EagerBackend
from epropnp.levenberg_marquardt import levenberg_marquardt
from epropnp.proposals import QuaternionProposals, YawProposals
from pnp_scenes import cost_of, scene
from pose_problems import QuadraticYawCost


def quadratic(num=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mode = 2 * torch.randn(num, 4, generator=generator, dtype=torch.float64)
    factor = torch.randn(num, 4, 4, generator=generator, dtype=torch.float64)
    return QuadraticYawCost(mode, factor + 5 * torch.eye(4, dtype=torch.float64))


def sample(cost, num_samples=512, seed=0, family=None, pose=None, num_iter=4, backend=None):
    solution = levenberg_marquardt(cost, cost.mode if pose is None else pose, 5)
    sampler = AMIS(num_samples, num_iter, family or YawProposals())
    generator = torch.Generator().manual_seed(seed)
    return sampler(cost, solution.pose_opt, solution.covariance()[0], generator, backend)


def effective_sample_size(log_weights):
    return log_weights.softmax(0).square().sum(0).reciprocal()


def test_log_evidence_is_the_closed_form_of_a_quadratic_cost():
    cost = quadratic()
    samples = sample(cost)
    estimate = samples.pose_sample_logweights.logsumexp(0) - math.log(512)
    # a normal density: (2 pi)^2 / |det factor|; the tails of yaw beyond half a turn are negligible
    exact = 2 * math.log(2 * math.pi) - torch.linalg.slogdet(cost.factor).logabsdet
    spread = (1 / effective_sample_size(samples.pose_sample_logweights) - 1 / 512).sqrt()
    assert (spread < 0.1).all()
    assert ((estimate - exact).abs() < 4.5 * spread).all()


def test_weighted_samples_have_the_moments_of_the_density():
    cost = quadratic(num=10)
    samples = sample(cost, num_samples=4000)
    weights = samples.pose_sample_logweights.softmax(0).unsqueeze(-1)
    turn = (samples.pose_samples - cost.mode)[..., 3:]
    offset = torch.cat(
        ((samples.pose_samples - cost.mode)[..., :3], torch.atan2(turn.sin(), turn.cos())), -1
    )
    whitened = (cost.factor @ offset.unsqueeze(-1)).squeeze(-1)
    size = effective_sample_size(samples.pose_sample_logweights).unsqueeze(-1)
    assert ((weights * whitened).sum(0).abs() < 4.5 / size.sqrt()).all()
    second = (weights * whitened.square()).sum(0)
    assert ((second - 1).abs() < 4.5 * math.sqrt(2) / size.sqrt()).all()


def test_weights_are_over_the_mixture_of_all_proposals():
    made = []

    class Recorder(YawProposals):
        def around(self, pose, covariance):
            made.append(super().around(pose, covariance))
            return made[-1]

        def fit(self, poses, log_weights):
            made.append(super().fit(poses, log_weights))
            return made[-1]

    cost = quadratic(num=3)
    samples = sample(cost, num_samples=64, family=Recorder())
    assert len(made) == 4
    first = made[0].log_prob(samples.pose_samples.unsqueeze(1)).squeeze(1)  # of the only peak
    densities = torch.stack([first, *(fit.log_prob(samples.pose_samples) for fit in made[1:])])
    expected = -cost.value(samples.pose_samples) - (densities.logsumexp(0) - math.log(4))
    torch.testing.assert_close(samples.pose_sample_logweights, expected, rtol=1e-10, atol=1e-10)


def test_gradient_is_that_of_the_costs_alone():
    cost = quadratic(num=3)
    cost.mode.requires_grad_()
    samples = sample(cost, num_samples=32)
    assert not samples.pose_samples.requires_grad
    weights = torch.randn(32, 3, dtype=torch.float64)
    (ours,) = torch.autograd.grad((samples.pose_sample_logweights * weights).sum(), cost.mode)
    (theirs,) = torch.autograd.grad((-cost.value(samples.pose_samples) * weights).sum(), cost.mode)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("dof", [4, 6])
def test_one_seed_gives_one_result(dof):
    data = scene(dof, noise=3.0)
    family = YawProposals() if dof == 4 else QuaternionProposals()
    cost = cost_of(data, dof)
    draws = [sample(cost, 64, seed, family, data.pose).pose_samples for seed in (3, 3, 4)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_a_sample_without_a_cost_has_no_weight():
    class Holes(QuadraticYawCost):
        def value(self, pose):
            value = super().value(pose)
            return torch.where(pose[..., 0] > self.mode[:, 0], torch.nan, value)

    whole = quadratic(num=4)
    cost = Holes(whole.mode, whole.factor)
    samples = AMIS(256, 4, YawProposals())(
        cost, cost.mode, torch.linalg.inv(cost.factor.mT @ cost.factor)
    )
    outside = samples.pose_samples[..., 0] > cost.mode[:, 0]
    assert outside.any(0).all()
    assert (samples.pose_sample_logweights[outside] == -torch.inf).all()
    assert samples.pose_sample_logweights[~outside].isfinite().all()
    half = samples.pose_sample_logweights.logsumexp(0) - math.log(256)
    exact = 2 * math.log(2 * math.pi) - torch.linalg.slogdet(cost.factor).logabsdet - math.log(2)
    spread = (1 / effective_sample_size(samples.pose_sample_logweights) - 1 / 256).sqrt()
    assert (spread < 0.2).all()
    assert ((half - exact).abs() < 4.5 * spread).all()


def test_the_evaluation_can_be_replaced():
    calls = []

    class Counting(EagerBackend):
        def values(self, cost, poses):
            calls.append(len(poses))
            return cost.value(poses)

        def attach(self, cost, poses, values):
            calls.append("attach")
            return values

        def log_density(self, proposals, log_shares, poses):
            calls.append((len(log_shares), len(poses)))
            return super().log_density(proposals, log_shares, poses)

    sample(quadratic(num=2), num_samples=20, num_iter=2, backend=Counting())
    assert calls == [(1, 0), (1, 10), 10, (1, 10), (2, 10), 10, "attach"]


def test_no_objects():
    cost = quadratic(num=0)
    samples = sample(cost, num_samples=16)
    assert samples.pose_samples.shape == (16, 0, 4)
    assert samples.pose_sample_logweights.shape == (16, 0)


@pytest.mark.parametrize(("num_samples", "num_iter"), [(10, 4), (0, 4), (8, 0)])
def test_rounds_must_share_the_samples(num_samples, num_iter):
    with pytest.raises(ValueError, match=r"must be (a multiple of num_iter|at least 1)"):
        AMIS(num_samples, num_iter, YawProposals())
