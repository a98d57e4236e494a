"""The plain deformable convolution of the golden tests is mmcv's, but for rounding."""

import pytest
import torch
from mmcv.ops import ModulatedDeformConv2dPack, modulated_deform_conv2d

from dcn_reference import deform_conv2d, plain_deform_conv


def random_layer(stride=1, padding=1, dilation=1, kernel=3):
    """Inputs (2, 4, 9, 12), offsets that reach beyond the border, mask, weight, bias."""
    torch.manual_seed(0)
    size = [
        (length + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1 for length in (9, 12)
    ]
    tensors = (
        torch.randn(2, 4, 9, 12),
        3 * torch.randn(2, 2 * kernel**2, *size),
        torch.rand(2, kernel**2, *size),
        torch.randn(5, 4, kernel, kernel),
        torch.randn(5),
    )
    return [tensor.double().requires_grad_() for tensor in tensors]


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"stride": 2},
        {"padding": 0},
        {"padding": 2, "dilation": 2},
        {"kernel": 1, "padding": 0, "stride": 2},
    ],
)
def test_values_and_gradients_are_those_of_mmcv(setting):
    tensors = random_layer(**setting)
    numbers = [setting.get("stride", 1), setting.get("padding", 1), setting.get("dilation", 1)]
    theirs = modulated_deform_conv2d(*tensors, *numbers)
    ours = deform_conv2d(*tensors, *numbers)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(theirs)
    wanted, found = (torch.autograd.grad(out, tensors, weights) for out in (theirs, ours))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_zero_offsets_leave_an_ordinary_convolution():
    inputs, offset, mask, weight, bias = random_layer(stride=2)
    ours = deform_conv2d(inputs, 0 * offset, torch.ones_like(mask), weight, bias, 2, 1)
    wanted = torch.nn.functional.conv2d(inputs, weight, bias, 2, 1)
    torch.testing.assert_close(ours, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("stride", [1, 2])
def test_layers_are_replaced_and_given_back(stride):
    torch.manual_seed(0)
    layer = ModulatedDeformConv2dPack(4, 6, 3, stride=stride, padding=1, bias=False).double()
    layer.conv_offset.weight.data.normal_()
    inputs, original = torch.randn(2, 4, 9, 12).double(), ModulatedDeformConv2dPack.forward
    with plain_deform_conv():
        assert ModulatedDeformConv2dPack.forward is not original
        ours = layer(inputs)
    assert ModulatedDeformConv2dPack.forward is original
    torch.testing.assert_close(ours, layer(inputs), rtol=1e-12, atol=1e-12)
