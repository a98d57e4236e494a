import math

import pytest
import torch

from epropnp.amis import AMIS
from epropnp.losses import MonteCarloPoseLoss, monte_carlo_pose_loss
from epropnp.proposals import YawProposals
from pose_problems import QuadraticYawCost


def draw(num=5, samples=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    log_weights = torch.randn(samples, num, generator=generator, dtype=torch.float64)
    target = torch.randn(num, generator=generator, dtype=torch.float64)
    return log_weights.requires_grad_(), target.requires_grad_()


def test_loss_is_target_cost_plus_log_sum():
    log_weights, target = draw()
    expected = target + log_weights.exp().sum(0).log()
    torch.testing.assert_close(monte_carlo_pose_loss(log_weights, target), expected)


def test_gradient_is_that_of_the_integrated_density():
    """Of cost(true pose) + log of the integral of exp(-cost), in closed form for a quadratic."""
    generator = torch.Generator().manual_seed(0)
    factor = torch.randn(30, 4, 4, generator=generator, dtype=torch.float64)
    factor = factor + 5 * torch.eye(4, dtype=torch.float64)
    mode = torch.zeros(30, 4, dtype=torch.float64)
    truth = 0.2 * torch.randn(30, 4, generator=generator, dtype=torch.float64)
    exact_factor = factor.clone().requires_grad_()
    exact = QuadraticYawCost(mode, exact_factor).value(truth) - torch.logdet(exact_factor)
    exact.sum().backward()

    factor.requires_grad_()
    cost = QuadraticYawCost(mode, factor)
    covariance = torch.linalg.inv((factor.mT @ factor).detach())
    samples = AMIS(4096, 4, YawProposals())(cost, mode, covariance, generator)
    monte_carlo_pose_loss(samples.pose_sample_logweights, cost.value(truth)).sum().backward()
    # the gradient is a weighted mean over samples; normal whitened errors have unit variance
    weights = samples.pose_sample_logweights.detach().softmax(0)
    size = weights.square().sum(0).reciprocal()
    scale = torch.linalg.inv(factor.detach()).norm(dim=(1, 2)) * 2
    error = (factor.grad - exact_factor.grad).abs().amax((1, 2))
    assert (error < 4.5 * scale / size.sqrt()).all()
    assert (exact_factor.grad.abs().amax((1, 2)) > 10 * error).double().mean() > 0.8


def test_best_weight_scale_is_the_closed_form():
    """With E(s) = s^2 E(1), scale s minimises the loss at s^2 = (d / 2) / (E(truth) - E(mode))."""
    mode = torch.zeros(1, 4, dtype=torch.float64)
    factor = torch.diag(torch.tensor([4.0, 5.0, 3.0, 8.0], dtype=torch.float64))[None]
    truth = torch.tensor([[0.1, -0.2, 0.3, 0.1]], dtype=torch.float64)
    gap = QuadraticYawCost(mode, factor).value(truth).item()
    best = math.sqrt(2.0 / gap)
    scale = torch.tensor(best, dtype=torch.float64, requires_grad=True)
    cost = QuadraticYawCost(mode, scale * factor)
    covariance = torch.linalg.inv(best**2 * factor.mT @ factor)
    generator = torch.Generator().manual_seed(1)
    samples = AMIS(20000, 4, YawProposals())(cost, mode, covariance, generator)
    loss = monte_carlo_pose_loss(samples.pose_sample_logweights, cost.value(truth)).sum()
    (slope,) = torch.autograd.grad(loss, scale)
    # d E / d s at the truth is 4 / s, balanced by the mean over samples
    assert abs(slope.item()) < 0.1 * 4 / best


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_an_object_without_a_loss_has_no_gradient(bad):
    log_weights, target = draw()
    spoiled_target = torch.where(torch.arange(5) == 1, bad, target)
    spoiled_weights = torch.where(torch.arange(5) == 3, torch.nan, log_weights)
    loss = monte_carlo_pose_loss(spoiled_weights, spoiled_target)
    assert (loss[[1, 3]] == 0).all()
    grads = torch.autograd.grad(loss.sum(), (log_weights, target))
    clean = torch.autograd.grad(
        monte_carlo_pose_loss(log_weights, target).sum(), (log_weights, target)
    )
    for grad, expected in zip(grads, clean, strict=True):
        assert (grad[..., [1, 3]] == 0).all()
        assert torch.equal(grad[..., [0, 2, 4]], expected[..., [0, 2, 4]])


def test_samples_without_weight_leave_the_loss_finite():
    log_weights, target = draw()
    masked = torch.where(torch.arange(16)[:, None] < 4, -torch.inf, log_weights)
    loss = monte_carlo_pose_loss(masked, target)
    torch.testing.assert_close(loss, target + log_weights[4:].logsumexp(0))
    (grad,) = torch.autograd.grad(loss.sum(), log_weights)
    assert grad.isfinite().all()


def test_the_mean_is_divided_by_the_running_scale():
    log_weights, target = draw()
    module = MonteCarloPoseLoss(loss_weight=0.5, init_norm_factor=2.0, momentum=0.1)
    mean = monte_carlo_pose_loss(log_weights, target).mean()
    loss = module(log_weights, target, torch.tensor([4.0, 8.0]))
    assert module.norm_factor.item() == pytest.approx(0.9 * 2 + 0.1 * 6)
    torch.testing.assert_close(loss, mean * 0.5 / module.norm_factor.double())
    module.eval()
    assert module(log_weights, target, 100.0) == loss
    assert module.norm_factor.item() == pytest.approx(2.4)


def test_objects_can_be_weighted_and_counted_otherwise():
    log_weights, target = draw()
    weight = torch.rand(5, dtype=torch.float64)
    module = MonteCarloPoseLoss().eval()
    loss = module(log_weights, target, 1.0, weight, avg_factor=7.0)
    expected = (monte_carlo_pose_loss(log_weights, target) * weight).sum() / 7
    torch.testing.assert_close(loss, expected)


def test_a_scale_that_is_not_finite_is_left_out():
    module = MonteCarloPoseLoss(init_norm_factor=3.0)
    module(*draw(), torch.tensor(torch.nan))
    assert module.norm_factor.item() == 3.0


def test_no_objects_give_a_zero_loss_with_a_graph():
    log_weights, target = draw(num=0)
    module = MonteCarloPoseLoss()
    loss = module(log_weights, target, torch.zeros(0))
    assert loss.item() == 0
    assert module.norm_factor.item() == 1.0
    loss.backward()


def test_the_running_scale_is_saved():
    assert list(MonteCarloPoseLoss().state_dict()) == ["norm_factor"]


def test_the_scale_is_averaged_over_processes(monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    other = torch.tensor([15.0, 5.0])  # sum and number of the elements of the other process
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda total: total.add_(other))
    module = MonteCarloPoseLoss(init_norm_factor=1.0, momentum=0.5)
    module(*draw(), torch.tensor([2.0, 7.0]))
    assert module.norm_factor.item() == pytest.approx(0.5 + 0.5 * (2 + 7 + 15) / (2 + 5))
