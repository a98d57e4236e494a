"""Safe loading of mmengine checkpoints, and runs of several CPU processes."""

import io
import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer

from epropnp_mm.compat import (
    allow_mmengine_checkpoints,
    history_statistic,
    is_main_process,
    prepare_cpu_processes,
)


def round_trip(content):
    buffer = io.BytesIO()
    torch.save(content, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


class RunsSomething:
    """Pickles as a call of a function, as a malicious checkpoint would."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def test_loss_histories_survive():
    allow_mmengine_checkpoints()
    history = HistoryBuffer([1.0, 2.0, 6.0], [1, 1, 1])
    loaded = round_trip({"loss": history, "scalar": np.float64(2.5), "array": np.arange(3)})
    assert loaded["loss"].mean() == pytest.approx(3.0)
    assert loaded["loss"].statistics("max", 2) == 6.0
    assert loaded["scalar"] == 2.5
    np.testing.assert_array_equal(loaded["array"], np.arange(3))


@pytest.mark.parametrize(
    "attack",
    [
        RunsSomething(os.system, "true"),
        RunsSomething(getattr, HistoryBuffer, "register_statistics"),
        RunsSomething(getattr, np.ndarray, "tofile"),
        RunsSomething(eval, "1"),
    ],
    ids=["system", "other method", "other class", "eval"],
)
def test_anything_else_is_still_refused(attack):
    allow_mmengine_checkpoints()
    with pytest.raises((pickle.UnpicklingError, ValueError)):
        round_trip({"state_dict": attack})


def test_only_statistics_are_looked_up():
    assert history_statistic(HistoryBuffer, "mean") is HistoryBuffer.mean
    for owner, name in ((HistoryBuffer, "__init__"), (dict, "mean"), (os, "system")):
        with pytest.raises(ValueError, match="refusing"):
            history_statistic(owner, name)


def test_single_process_config_is_left_alone():
    cfg = Config(dict(launcher="none"))
    prepare_cpu_processes(cfg)
    assert "model_wrapper_cfg" not in cfg


@pytest.mark.skipif(torch.cuda.is_available(), reason="about machines without a GPU")
def test_slurm_without_gpu_says_what_to_use():
    with pytest.raises(ValueError, match="dist_train"):
        prepare_cpu_processes(Config(dict(launcher="slurm")))


@pytest.mark.parametrize(("rank", "expected"), [("0", True), ("1", False)])
def test_main_process_is_known_before_the_group_exists(monkeypatch, rank, expected):
    monkeypatch.setenv("RANK", rank)
    assert is_main_process() is expected
