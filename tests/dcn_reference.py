"""Modulated deformable convolution (DCNv2, arXiv 1811.11168) in plain torch: an oracle for mmcv's.

It multiplies the samples of the whole batch with the weights at once; mmcv's CPU kernel does it
image by image. Both are right, but small maps round differently. The recorded runs of the
published system multiplied as it is done here: only so a network reproduces all their bits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import torch
from mmcv.ops import ModulatedDeformConv2dPack
from torch import Tensor


def deform_conv2d(
    inputs: Tensor,
    offset: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> Tensor:
    """Convolve, with every tap k of the kernel moved by its own offset and scaled by its own mask.

    Args:
        inputs: (B, C, h, w).
        offset: (B, 2 K, h', w') pixels, (y, x) of tap 0, (y, x) of tap 1, ...
        mask: (B, K, h', w').
        weight: (O, C, k, k) with K = k k.
        bias: (O,).
        stride: pixels between outputs.
        padding: zeros around the input.
        dilation: pixels between taps.

    Returns:
        (B, O, h', w').
    """
    rows, columns = _taps(weight.shape[-1], offset.shape[-2:], stride, padding, dilation, offset)
    moved_y, moved_x = offset.unflatten(1, (-1, 2)).unbind(2)
    sampled = sample_bilinear(inputs, rows + moved_y, columns + moved_x) * mask[:, None]
    samples = sampled.permute(0, 3, 4, 1, 2).flatten(3)  # (B, h', w', C K)
    outputs = (samples.flatten(0, 2) @ weight.flatten(1).T).view(*samples.shape[:3], -1)
    outputs = outputs.permute(0, 3, 1, 2).contiguous()  # the next layer rounds by the layout
    return outputs if bias is None else outputs + bias[:, None, None]


def _taps(
    size: int, output: tuple[int, int], stride: int, padding: int, dilation: int, like: Tensor
) -> tuple[Tensor, Tensor]:
    """Rows (K, h', 1) and columns (K, 1, w') of the unmoved taps, pixels of the input."""
    tap = torch.arange(size).to(like) * dilation - padding
    row, column = (torch.arange(length).to(like) * stride for length in output)
    rows = tap.repeat_interleave(size)[:, None, None] + row[:, None]
    columns = tap.repeat(size)[:, None, None] + column
    return rows, columns


def sample_bilinear(inputs: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Values (B, C, K, h', w') of (B, C, h, w) at pixels y, x (B, K, h', w'); zero outside."""
    height, width = inputs.shape[-2:]
    low_y, low_x = y.floor(), x.floor()
    part_y, part_x = y - low_y, x - low_x
    total = 0
    for dy, dx in product((0, 1), (0, 1)):
        row, column = low_y + dy, low_x + dx
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        index = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
        index = index.long().flatten(1)[:, None].expand(-1, inputs.shape[1], -1)
        values = inputs.flatten(2).gather(2, index).unflatten(2, y.shape[1:])
        share = (part_y if dy else 1 - part_y) * (part_x if dx else 1 - part_x)
        total = total + share[:, None] * (values * inside[:, None])
    return total


def forward_pack(pack: ModulatedDeformConv2dPack, inputs: Tensor) -> Tensor:
    """What the layer computes: offsets and masks by a convolution of its own, then ours."""
    predicted = pack.conv_offset(inputs)
    num_taps = predicted.shape[1] // 3
    offset, logits = predicted.split((2 * num_taps, num_taps), dim=1)
    setting = (pack.stride[0], pack.padding[0], pack.dilation[0])
    return deform_conv2d(inputs, offset, logits.sigmoid(), pack.weight, pack.bias, *setting)


@contextmanager
def plain_deform_conv() -> Iterator[None]:
    """Let every DCNv2 layer of mmcv run in plain torch."""
    original = ModulatedDeformConv2dPack.forward
    ModulatedDeformConv2dPack.forward = forward_pack
    try:
        yield
    finally:
        ModulatedDeformConv2dPack.forward = original
