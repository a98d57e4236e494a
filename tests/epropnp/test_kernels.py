import numpy as np
import pytest
import torch
from scipy import special

from epropnp.kernels import AdaptiveHuberPnPCost, Huber, HuberPnPCost, adaptive_delta
from epropnp.robust_kernels import AdaptiveCauchyPnPCost

DELTA = torch.tensor([0.5, 2.0, float("inf")], dtype=torch.float64)


def squares(requires_grad=False):
    generator = torch.Generator().manual_seed(0)
    draw = 9 * torch.rand(3, 50, generator=generator, dtype=torch.float64)
    return draw.requires_grad_(requires_grad)


def correspondences(num=3, points=12, requires_grad=False):
    generator = torch.Generator().manual_seed(1)
    x2d = 100 * torch.randn(num, points, 2, generator=generator, dtype=torch.float64)
    w2d = torch.rand(num, points, 2, generator=generator, dtype=torch.float64)
    return x2d.requires_grad_(requires_grad), w2d.requires_grad_(requires_grad)


def test_value_agrees_with_scipy():
    squared = squares()
    expected = special.huber(DELTA[:2, None].numpy(), squared[:2].sqrt().numpy())
    np.testing.assert_allclose(Huber(DELTA).value(squared)[:2], expected, rtol=1e-13)
    np.testing.assert_allclose(Huber(DELTA).value(squared)[2], squared[2] / 2, rtol=1e-13)


def test_root_weight_makes_least_squares_see_the_robust_gradient():
    squared = squares(requires_grad=True)
    kernel = Huber(DELTA)
    (slope,) = torch.autograd.grad(kernel.value(squared).sum(), squared)
    # d value / d s = weight * s, and s^2 is the variable here
    torch.testing.assert_close(kernel.root_weight(squared).square(), 2 * slope, rtol=1e-12, atol=0)


def test_value_and_root_weight_are_differentiable_in_error_and_delta():
    squared, delta = squares(requires_grad=True), DELTA[:2].clone().requires_grad_()
    kernels = (lambda s, d: Huber(d).value(s), lambda s, d: Huber(d).root_weight(s))
    for function in kernels:
        assert torch.autograd.gradcheck(function, (squared[:2].detach().requires_grad_(), delta))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_where_roots_are_not_differentiable(dtype):
    squared = torch.zeros(2, 3, dtype=dtype)
    squared[:, 0] = 1e30 if dtype == torch.float32 else 1e200
    squared.requires_grad_()
    delta = torch.tensor([0.0, 1.0], dtype=dtype, requires_grad=True)
    kernel = Huber(delta)
    assert (kernel.value(squared)[:, 1:] < 1e-30).all()
    total = kernel.value(squared).sum() + kernel.root_weight(squared).sum()
    for grad in torch.autograd.grad(total, (squared, delta)):
        assert grad.isfinite().all()


def test_adaptive_delta_is_weight_times_spread():
    x2d, w2d = correspondences()
    spread = np.sqrt(np.var(x2d.numpy(), axis=1, ddof=1).sum(-1))
    expected = 0.3 * w2d.numpy().mean((1, 2)) * spread
    np.testing.assert_allclose(adaptive_delta(x2d, w2d, 0.3), expected, rtol=1e-13)


def test_adaptive_delta_carries_its_gradient():
    x2d, w2d = correspondences(requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, w: adaptive_delta(x, w, 0.5), (x2d, w2d))


@pytest.mark.parametrize(("mode", "reached"), [("all", "xw"), ("all but x2d", "w"), ("none", "")])
def test_what_the_gradient_of_the_threshold_reaches(mode, reached):
    x2d, w2d = correspondences(requires_grad=True)
    kernel = AdaptiveHuberPnPCost(0.5, delta_gradient=mode).kernel(x2d, w2d)
    full = adaptive_delta(x2d, w2d, 0.5)
    assert torch.equal(kernel.delta, full)
    # a second path keeps autograd from refusing a threshold without gradient
    total = kernel.delta.sum() + 0 * (x2d.sum() + w2d.sum())
    wanted = torch.autograd.grad(full.sum(), (x2d, w2d))
    for name, found, expected in zip(
        "xw", torch.autograd.grad(total, (x2d, w2d)), wanted, strict=True
    ):
        assert torch.equal(found, expected if name in reached else torch.zeros_like(found))
        assert expected.abs().max() > 0


@pytest.mark.parametrize("setting", [AdaptiveHuberPnPCost, AdaptiveCauchyPnPCost])
def test_by_default_spreading_image_points_is_not_rewarded(setting):
    """Beyond the threshold cost grows with it; free points would move to lower it elsewhere."""
    x2d, w2d = correspondences(requires_grad=True)
    delta = setting().kernel(x2d, w2d).delta
    by_points, by_weights = torch.autograd.grad(delta.sum(), (x2d, w2d), allow_unused=True)
    assert by_points is None
    assert by_weights.abs().max() > 0


def test_unknown_gradient_of_the_threshold():
    with pytest.raises(ValueError, match="delta_gradient"):
        AdaptiveHuberPnPCost(delta_gradient="x2d")


def test_relative_delta_can_be_learned():
    x2d, w2d = correspondences()
    log_relative = torch.tensor(-0.7, dtype=torch.float64, requires_grad=True)
    delta = AdaptiveHuberPnPCost(log_relative.exp()).kernel(x2d, w2d).delta
    (grad,) = torch.autograd.grad(delta.sum(), log_relative)
    torch.testing.assert_close(grad, delta.sum().detach())


@pytest.mark.parametrize("points", [0, 1, 5])
def test_coincident_points_have_no_spread_and_a_finite_gradient(points):
    x2d = torch.full((2, points, 2), 3.0, requires_grad=True)
    w2d = torch.ones(2, points, 2, requires_grad=True)
    delta = adaptive_delta(x2d, w2d, 0.5)
    assert (delta < 1e-12).all()
    delta.sum().backward()
    assert x2d.grad.isfinite().all()
    assert w2d.grad.isfinite().all()


def test_fixed_delta_is_a_number_or_one_per_object():
    x2d, w2d = correspondences()
    assert HuberPnPCost(1.5).kernel(x2d, w2d).delta.tolist() == [1.5] * 3
    assert HuberPnPCost(DELTA).kernel(x2d, w2d).delta.tolist() == DELTA.tolist()


def test_parameters_can_be_replaced():
    kernel = Huber(DELTA).with_leaves({"delta": DELTA + 1})
    assert torch.equal(kernel.leaves()["delta"], DELTA + 1)
