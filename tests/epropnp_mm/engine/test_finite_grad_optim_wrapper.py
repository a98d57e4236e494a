"""Steps with non-finite gradients are left out entirely, all others are those of mmengine."""

import pytest
import torch
from mmengine.optim import OptimWrapper, build_optim_wrapper
from torch import nn

from epropnp_mm.engine import FiniteGradAmpOptimWrapper, FiniteGradOptimWrapper


def small_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


def make_wrapper(kind, model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    return kind(optimizer=optimizer, clip_grad=dict(max_norm=0.5, norm_type=2))


def train_step(wrapper, model, inputs):
    with wrapper.optim_context(model):
        loss = model(inputs).square().sum()
    wrapper.update_params(loss)


@pytest.mark.parametrize("bad_value", [float("nan"), float("inf")])
def test_skipped_step_changes_nothing(bad_value):
    model, twin = small_model(), small_model()
    wrapper = make_wrapper(FiniteGradOptimWrapper, model)
    reference = make_wrapper(OptimWrapper, twin)
    good = torch.linspace(-1, 1, 6).view(2, 3)
    bad = good.clone()
    bad[0, 0] = bad_value
    train_step(wrapper, model, good)
    train_step(wrapper, model, bad)
    assert wrapper.skipped_last
    train_step(wrapper, model, good)
    assert not wrapper.skipped_last
    assert wrapper.num_skipped == 1
    for _ in range(2):  # the reference never saw the bad batch
        train_step(reference, twin, good)
    for param, expected in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(param, expected, rtol=0, atol=0)


def test_nothing_goes_backward_from_a_loss_that_is_not_finite():
    model = small_model()
    wrapper = make_wrapper(FiniteGradOptimWrapper, model)
    went = []
    model[0].weight.register_hook(went.append)
    train_step(wrapper, model, torch.full((1, 3), torch.nan))
    assert wrapper.skipped_last
    assert not went
    train_step(wrapper, model, torch.ones(1, 3))
    assert (wrapper.skipped_last, len(went)) == (False, 1)


def test_parameters_at_fault_are_named(monkeypatch):
    said = []
    monkeypatch.setattr(
        "epropnp_mm.engine.finite_grad_optim_wrapper.print_log",
        lambda text, *others: said.append(text),
    )
    model = small_model()
    wrapper = make_wrapper(FiniteGradOptimWrapper, model)
    with wrapper.optim_context(model):
        loss = model(torch.ones(1, 3)).sum()
    loss.backward()
    model[2].bias.grad[0] = float("nan")
    wrapper.step()
    assert len(said) == 1
    assert "2.bias" in said[0]
    assert "0.weight" not in said[0]


def test_parameters_without_gradients_are_fine():
    model = small_model()
    wrapper = make_wrapper(FiniteGradOptimWrapper, model)
    before = [param.clone() for param in model.parameters()]
    wrapper.step()
    assert not wrapper.skipped_last
    for param, expected in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(param, expected, rtol=0, atol=0)


def test_sampling_offsets_learn_slower():
    """The config key of the schedule reaches the optimizer under this wrapper."""
    model = nn.ModuleDict({"sampling_offsets": nn.Linear(2, 2), "other": nn.Linear(2, 2)})
    cfg = dict(
        type="FiniteGradOptimWrapper",
        optimizer=dict(type="AdamW", lr=1e-4, weight_decay=1e-4),
        paramwise_cfg=dict(custom_keys={"sampling_offsets": dict(lr_mult=0.1)}),
    )
    wrapper = build_optim_wrapper(model, cfg)
    rates = {
        name: group["lr"]
        for group in wrapper.param_groups
        for name, param in model.named_parameters()
        if any(param is member for member in group["params"])
    }
    assert rates["sampling_offsets.weight"] == pytest.approx(1e-5)
    assert rates["other.bias"] == pytest.approx(1e-4)


@pytest.fixture
def amp_wrapper(monkeypatch):
    """The wrapper of mixed precision, with a loss scaler that works without a GPU."""
    module = "mmengine.optim.optimizer.amp_optimizer_wrapper.is_cuda_available"
    monkeypatch.setattr(module, lambda: True)
    model = small_model()
    wrapper = make_wrapper(FiniteGradAmpOptimWrapper, model)
    wrapper.loss_scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    return model, wrapper


def backward(model, wrapper, bad=False):
    wrapper.zero_grad()
    wrapper.loss_scaler.scale(model(torch.ones(1, 3)).square().sum()).backward()
    if bad:
        model[2].bias.grad[0] = float("inf")


def test_mixed_precision_counts_and_names_skipped_steps(amp_wrapper, monkeypatch):
    said = []
    monkeypatch.setattr(
        "epropnp_mm.engine.finite_grad_optim_wrapper.print_log",
        lambda text, *others: said.append(text),
    )
    model, wrapper = amp_wrapper
    before = [param.clone() for param in model.parameters()]
    with wrapper.optim_context(model):
        backward(model, wrapper, bad=True)
    wrapper.step()
    assert (wrapper.skipped_last, wrapper.num_skipped) == (True, 1)
    assert "2.bias" in said[0]
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))
    assert wrapper.loss_scaler.get_scale() == 512.0  # the scaler has noticed
    backward(model, wrapper)
    wrapper.step()
    assert (wrapper.skipped_last, wrapper.num_skipped) == (False, 1)
    assert not torch.equal(model[2].bias, before[3])


def test_mixed_precision_goes_on_after_a_loss_that_is_not_finite(amp_wrapper):
    model, wrapper = amp_wrapper
    before = model[2].bias.clone()
    wrapper.update_params(model(torch.ones(1, 3)).sum() * torch.nan)
    assert (wrapper.skipped_last, wrapper.loss_scaler.get_scale()) == (True, 1024.0)
    assert torch.equal(model[2].bias, before)
    wrapper.update_params(model(torch.ones(1, 3)).square().sum())
    assert not wrapper.skipped_last
    assert not torch.equal(model[2].bias, before)


def test_mixed_precision_steps_on_unscaled_clipped_gradients(amp_wrapper):
    model, wrapper = amp_wrapper
    twin = small_model()
    reference = make_wrapper(OptimWrapper, twin)
    backward(model, wrapper)
    wrapper.step()
    twin(torch.ones(1, 3)).square().sum().backward()
    reference.step()
    for param, expected in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(param, expected)
