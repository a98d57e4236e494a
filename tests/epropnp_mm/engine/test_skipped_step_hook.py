"""A skipped step leaves no trace, its images are named, and a dead training ends with a state."""

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData

from epropnp_mm.engine import TrainingStopped
from epropnp_mm.engine.non_finite import describe_samples, non_finite_fields
from toy_training import record_of, run_toy, toy_config

ORDER = {"train_dataloader.sampler.shuffle": False, "train_dataloader.batch_size": 2}


def warnings_of(monkeypatch):
    said = []
    monkeypatch.setattr(
        "mmengine.logging.MMLogger.warning", lambda self, text, *others: said.append(text)
    )
    return said


def state_of(runner):
    """Everything that training changes, copied."""
    optimizer = runner.optim_wrapper.optimizer.state_dict()["state"]
    moments = [value for state in optimizer.values() for value in state.values()]
    return [*map(torch.clone, runner.model.state_dict().values()), *map(torch.clone, moments)]


def test_a_skipped_step_leaves_no_trace(tmp_path, monkeypatch):
    said = warnings_of(monkeypatch)
    bad = {"train_dataloader.dataset.bad": (3,)}  # in the second batch
    before = run_toy(toy_config(tmp_path / "a", "iter", **ORDER, **bad), stop_after=1)
    after = run_toy(toy_config(tmp_path / "b", "iter", **ORDER, **bad), stop_after=2)
    assert after.optim_wrapper.num_skipped == 1
    for ours, theirs in zip(state_of(after), state_of(before), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    (text,) = [text for text in said if "skipped step" in text]
    assert "'2.png', '3.png (not finite: the image)'" in text
    assert "'loss': nan" in text


def test_skipped_steps_are_counted_over_interruptions(tmp_path, monkeypatch):
    said = warnings_of(monkeypatch)
    changes = {**ORDER, "train_dataloader.dataset.bad": (1, 7)}  # steps 1, 4, 6
    run_toy(toy_config(tmp_path, "iter", **changes), stop_after=3)
    runner = run_toy(toy_config(tmp_path, "iter", **changes), resume=tmp_path / "iter_2.pth")
    assert said[-1] == "3 of 8 steps were skipped"
    assert all(value.isfinite().all() for value in runner.model.state_dict().values())


def test_a_dead_training_ends_with_a_message_and_a_state_to_go_on_from(tmp_path):
    bad = {"train_dataloader.dataset.bad": (4, 6)}  # steps 3 and 4
    config = toy_config(tmp_path, "iter", **ORDER, **bad)
    config.custom_hooks[0].max_consecutive = 2
    with pytest.raises(TrainingStopped, match="2 steps in a row .* iteration 4.*stopped_iter_4"):
        run_toy(config)
    mended = toy_config(tmp_path, "iter", **ORDER)
    runner = run_toy(mended, resume=tmp_path / "stopped_iter_4.pth")
    assert sorted(record_of(runner).losses) == [4, 5, 6, 7]


def test_accumulated_gradients_are_judged_once_and_left_out_together(tmp_path):
    changes = {**ORDER, "train_dataloader.dataset.bad": (1,)}  # the first of two batches
    changes["optim_wrapper.accumulative_counts"] = 2
    runner = run_toy(toy_config(tmp_path / "a", "iter", **changes), stop_after=2)
    untouched = run_toy(toy_config(tmp_path / "b", "iter", **changes), stop_after=1)
    assert (runner.optim_wrapper.num_skipped, runner.optim_wrapper.num_attempts) == (1, 1)
    weights = (run.model.layers[0].weight for run in (runner, untouched))
    torch.testing.assert_close(*weights, rtol=0, atol=0)
    assert float(runner.model.layers[1].running_mean.abs().sum()) == 0  # put back to its start


def test_fields_that_are_not_finite_are_found():
    sample = BaseDataElement(
        metainfo=dict(img_path="a.png", cam=np.diag([1.0, np.nan, 1]), flip=True)
    )
    sample.gt = InstanceData(
        boxes=torch.tensor([[1.0], [torch.inf]]),
        velocities=torch.full((2, 2), torch.nan),  # unknown ones are
        points=[np.zeros(2), np.array([np.nan])],
        labels=torch.tensor([1, 2]),
    )
    assert sorted(non_finite_fields(sample)) == ["cam", "gt.boxes", "gt.points[1]"]
    batch = dict(inputs=dict(img=[torch.ones(2)]), data_samples=[sample])
    assert describe_samples(batch)[0].startswith("a.png (not finite: ")
    assert describe_samples(None) == []
