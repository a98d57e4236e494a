"""Parameters start with the statistics of the published initialisation."""

import json
import logging

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

from det_reference import build_detector
from epropnp_det.checkpoint import DET_V2


@pytest.fixture(scope="module")
def state(repo_dir):
    init_default_scope("mmdet3d")
    MMLogger.get_instance("quiet").setLevel(logging.ERROR)
    torch.manual_seed(0)
    model = build_detector(repo_dir)
    model.init_weights()
    return {DET_V2.to_published(key): value for key, value in model.state_dict().items()}


def test_start_statistics(reference_dir, state):
    """Mean within 8, deviation within 7 standard errors; backbone weights are pretrained."""
    path = reference_dir / "spec/det_v2_init_stats.json"
    expected = json.loads(path.read_text())
    names = [name for name in expected if not name.startswith("backbone.")]
    assert len(names) > 100
    for name in names:
        mean, std, largest = expected[name]
        value = state[name].float()
        num = value.numel()
        if num < 10 and std > 0:  # a few random numbers: only their range is known
            assert value.abs().max() <= 0.5, name
        elif num == 1 and name.endswith(("score_branch.bias", "conv_centerness.bias")):
            assert value.abs() <= 1 / 8, name
        else:
            error = 8 * std * (2 / num) ** 0.5 + 1e-6
            assert abs(float(value.mean()) - mean) <= error, name
            if std > 0:
                assert abs(float(value.std()) / std - 1) <= 7 / num**0.5 + 0.002, name
            else:
                assert float(value.abs().max()) == pytest.approx(largest, abs=1e-6), name


def test_number_of_parameters(state):
    assert len(state) == 805
    assert sum(value.numel() for value in state.values()) == 55_703_563
