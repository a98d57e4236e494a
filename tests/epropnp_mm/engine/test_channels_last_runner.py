"""Weights in channels-last order: another layout, the same numbers."""

import os

import pytest
import torch
import torch.multiprocessing as mp
from mmcv.ops import ModulatedDeformConv2dPack
from mmengine.registry import init_default_scope
from torch import nn

from det_small import build_small_detector, make_batch, make_sample
from epropnp_mm.engine import ChannelsLastRunner
from epropnp_mm.engine.channels_last_runner import use_channels_last


def losses_and_gradients(detector, batch):
    torch.manual_seed(1)  # of the Monte Carlo samples
    losses = detector.loss(batch["inputs"], batch["data_samples"])
    values = {name: value.double() for name, value in losses.items() if "loss" in name}
    detector.zero_grad()
    sum(values.values()).backward()
    norms = {
        n: p.grad.norm().double() for n, p in detector.named_parameters() if p.grad is not None
    }
    return values, norms


def test_a_training_step_stays_the_same(repo_dir):
    init_default_scope("mmdet3d")
    detector = build_small_detector(repo_dir)
    batch = detector.data_preprocessor(make_batch([make_sample(), make_sample(flip=True)]), True)
    values, norms = losses_and_gradients(detector, batch)
    use_channels_last(detector)
    weight = detector.backbone.layer1[0].conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()
    values_after, norms_after = losses_and_gradients(detector, batch)
    torch.testing.assert_close(values_after, values, rtol=1e-3, atol=1e-5)
    for name in ("loss_depth", "loss_regr", "loss_proj"):  # these go through mmcv's RoIAlign
        torch.testing.assert_close(values_after[name], values[name], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(norms_after, norms, rtol=5e-2, atol=1e-3)


def test_deformable_convolutions_are_refused():
    model = nn.Sequential(nn.Conv2d(4, 8, 3), ModulatedDeformConv2dPack(8, 8, 3))
    with pytest.raises(ValueError, match="1 is a deformable convolution"):
        use_channels_last(model)
    assert model[0].weight.is_contiguous()


def average_gradients(rank: int, store: str, results: dict) -> None:
    """One process of two: gradients after a step of a wrapped model, as the runner wraps it."""
    os.environ["LOCAL_RANK"] = str(rank)
    torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    model = two_layers()
    runner = ChannelsLastRunner.__new__(ChannelsLastRunner)  # only its way of wrapping
    runner._launcher, runner._distributed, runner.cfg = "pytorch", True, {}
    wrapper = dict(type="MMDistributedDataParallel", find_unused_parameters=True, device_ids=None)
    wrapped = runner.wrap_model(wrapper, model)
    wrapped(two_batches()[rank]).square().mean().backward()
    results[rank] = [parameter.grad.clone() for parameter in model.parameters()]
    torch.distributed.destroy_process_group()


def two_layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ConvTranspose2d(8, 4, 3))


def two_batches() -> torch.Tensor:
    torch.manual_seed(5)
    return torch.randn(2, 4, 3, 9, 9)


def test_processes_average_their_gradients(tmp_path):
    with mp.Manager() as manager:
        results = manager.dict()
        mp.spawn(average_gradients, (f"file://{tmp_path}/store", results), nprocs=2)
        averaged = dict(results)
    model = two_layers()
    sum(model(batch).square().mean() / 2 for batch in two_batches()).backward()
    for rank in (0, 1):
        for ours, parameter in zip(averaged[rank], model.parameters(), strict=True):
            torch.testing.assert_close(ours, parameter.grad)
