"""Uneven shards are refused before anybody waits."""

from types import SimpleNamespace

import pytest

from epropnp_mm.engine import EvenShardsHook, TrainingStopped

RUNNER = SimpleNamespace(train_dataloader=range(3))


def test_even_shards_pass():
    EvenShardsHook().before_train(RUNNER)


def test_uneven_shards_are_named(monkeypatch):
    where = "epropnp_mm.engine.even_shards_hook.all_gather_object"
    monkeypatch.setattr(where, lambda count: [count, count - 1])
    with pytest.raises(TrainingStopped, match=r"\[3, 2\] batches per epoch.*ResumableSampler"):
        EvenShardsHook().before_train(RUNNER)
