"""Weights in channels-last order: another layout, the same numbers."""

from types import SimpleNamespace

import torch
from torch import nn

from epropnp_det.engine import ChannelsLastHook


def test_layout_changes_and_results_do_not():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 2, 1)).double()
    images = torch.randn(2, 4, 9, 7, dtype=torch.float64)
    before = model(images)
    ChannelsLastHook().before_train(SimpleNamespace(model=model))
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert not model[0].weight.is_contiguous()
    torch.testing.assert_close(model(images), before)
