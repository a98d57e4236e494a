"""A test that was interrupted goes on, and its result is that of an undisturbed one."""

from types import SimpleNamespace

import pytest
import torch
from mmdet3d.registry import HOOKS, METRICS
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement

from epropnp_mm.order import DealtBatchSampler
from epropnp_mm.order.partial_results import PartialResults
from toy_training import PowerCut, toy_config


@METRICS.register_module()
class ToyCollection(BaseMetric):
    """Keeps what it is given, in order."""

    default_prefix = "toy"

    def process(self, data_batch, data_samples):
        self.results += [(sample["img_path"], sample["noise"]) for sample in data_samples]

    def compute_metrics(self, results):
        return {"all": tuple(results)}


@HOOKS.register_module()
class CutTest(Hook):
    """Counts batches and cuts the power after some."""

    def __init__(self, stop_after=None):
        self.stop_after, self.batches = stop_after, 0

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if self.batches == self.stop_after:
            raise PowerCut
        self.batches += 1


def predict(data):
    """A model whose predictions are random."""
    return [
        BaseDataElement(metainfo=dict(sample.metainfo, noise=float(torch.rand(()))))
        for sample in data["data_samples"]
    ]


def run(folder, monkeypatch, stop_after=None, made_for="a", model=predict, fp16=False):
    config = toy_config(folder, "iter")
    loader = dict(config.train_dataloader, sampler=dict(type="DefaultSampler", shuffle=False))
    loader["batch_sampler"] = dict(type="DealtBatchSampler")
    config.test_dataloader = loader
    config.test_evaluator = dict(type="ToyCollection")
    parts, made_for = str(folder / "parts"), dict(checkpoint=made_for)
    config.test_cfg = dict(type="ResumableTestLoop", folder=parts, made_for=made_for, fp16=fp16)
    config.custom_hooks = [dict(type="CutTest", stop_after=stop_after)]
    runner = Runner.from_cfg(config)
    monkeypatch.setattr(runner.model, "test_step", model)
    hook = next(hook for hook in runner.hooks if isinstance(hook, CutTest))
    try:
        return runner.test()["toy/all"], hook.batches
    except PowerCut:
        return None, hook.batches


def test_it_goes_on_with_what_is_there(tmp_path, monkeypatch):
    whole, batches = run(tmp_path / "whole", monkeypatch)
    assert [name for name, _ in whole] == [f"{number}.png" for number in range(10)]
    assert batches == 3
    assert not (tmp_path / "whole/parts").exists()
    cut = tmp_path / "cut"
    assert run(cut, monkeypatch, stop_after=1) == (None, 1)
    assert run(cut, monkeypatch) == (whole, 2)


def test_what_belongs_to_another_checkpoint_is_made_anew(tmp_path, monkeypatch):
    run(tmp_path, monkeypatch, stop_after=2)
    assert run(tmp_path, monkeypatch, made_for="b")[1] == 3


@pytest.mark.parametrize("mixed", [False, True])
def test_mixed_precision_is_bfloat16_on_a_cpu(tmp_path, monkeypatch, mixed):
    """The loops are mmengine's in this; tools/test.py --amp sets ``fp16``."""
    seen = []

    def look(data):
        seen.append(torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu"))
        return predict(data)

    run(tmp_path, monkeypatch, model=look, fp16=mixed)
    assert seen == 3 * [torch.bfloat16 if mixed else False]


@pytest.mark.parametrize("size", [1, 4, 10])
def test_batches_are_the_same_for_any_number_of_processes(size):
    def batches(rank, world_size):
        sampler = DealtBatchSampler(SimpleNamespace(dataset=range(size)), 4)
        sampler.rank, sampler.world_size = rank, world_size
        assert len(sampler) == len(list(sampler))
        return dict(zip(sampler.numbers(), sampler, strict=True))

    alone = batches(0, 1)
    assert [index for batch in alone.values() for index in batch] == list(range(size))
    dealt = [batches(rank, 3) for rank in range(3)]
    assert dealt[0] | dealt[1] | dealt[2] == alone
    assert sum(map(len, dealt)) == len(alone)


def test_nothing_may_be_left_out():
    with pytest.raises(ValueError, match="untested"):
        DealtBatchSampler(SimpleNamespace(dataset=range(3)), 2, drop_last=True)


class Evil:
    def __reduce__(self):
        return print, ("executed",)


def test_kept_results_execute_nothing(tmp_path, capsys):
    parts = PartialResults(tmp_path / "parts", {})
    parts.save(0, [[Evil()]])
    with pytest.raises(Exception, match="Weights only load failed"):
        parts.load(0)
    assert "executed" not in capsys.readouterr().out
