"""An interrupted training goes on as if nothing had happened, to the last bit."""

from pathlib import Path

import pytest
import torch

from epropnp_mm.engine import latest_checkpoint
from toy_training import record_of, run_toy, toy_config


@pytest.fixture(scope="module", params=["epoch", "iter"])
def uninterrupted(request, tmp_path_factory):
    """Kind of loop, record and final state of a whole run."""
    runner = run_toy(toy_config(tmp_path_factory.mktemp("whole"), request.param))
    return request.param, record_of(runner), runner


@pytest.mark.parametrize("stop_after", [1, 3, 6])
def test_interrupted_training_goes_on_exactly(uninterrupted, tmp_path, stop_after):
    loop, whole, reference = uninterrupted
    first = run_toy(toy_config(tmp_path, loop), stop_after=stop_after)
    newest, problems = latest_checkpoint(tmp_path)
    assert not problems
    second = run_toy(toy_config(tmp_path, loop), resume=newest)
    losses = {**record_of(first).losses, **record_of(second).losses}
    assert losses == whole.losses
    assert record_of(second).items == {k: whole.items[k] for k in record_of(second).items}
    for ours, theirs in zip(
        second.model.state_dict().values(), reference.model.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_workers_change_nothing(uninterrupted, tmp_path):
    loop, whole, _ = uninterrupted
    runner = run_toy(toy_config(tmp_path, loop, workers=2))
    assert record_of(runner).losses == whole.losses


def test_other_batches_go_on_at_the_same_place(uninterrupted, tmp_path):
    loop, whole, _ = uninterrupted
    run_toy(toy_config(tmp_path, loop), stop_after=2)
    smaller = toy_config(tmp_path, loop, **{"train_dataloader.batch_size": 2})
    smaller.param_scheduler = []
    runner = run_toy(smaller, resume=tmp_path / "iter_2.pth", stop_after=3)
    (items,) = record_of(runner).items.values()
    assert items == whole.items[2][:2]


def test_another_sampler_is_refused(tmp_path):
    config = toy_config(tmp_path, "epoch", **{"train_dataloader.sampler.infinite": True})
    with pytest.raises(TypeError, match="infinite=False"):
        run_toy(config)


def test_checkpoints_are_read_by_safe_loading(uninterrupted):
    path = Path(uninterrupted[2].work_dir) / "iter_8.pth"
    content = torch.load(path, weights_only=True)
    assert len(content["random_states"]) == 1
