"""Samples that cannot be read: what stands in for them, what a run says of them at its end."""

import logging
from itertools import islice

import pytest
import torch
from mmengine.structures import BaseDataElement

from epropnp_data.errors import DatasetError, SampleError
from epropnp_mm.engine.skipped_sample_hook import SkippedSampleHook
from epropnp_mm.engine.skipped_step_hook import TrainingStopped
from epropnp_mm.skipping import PassesOverBadSamples, is_stand_in, passed_over


class Numbers:
    """Samples that hold their index; some cannot be read."""

    def __init__(self, size, bad):
        self.size, self.bad = size, bad

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if index >= self.size:
            raise IndexError(index)
        if index in self.bad:
            raise SampleError(f"{index}.jpg", "is empty")
        sample = BaseDataElement(metainfo=dict(index=index))
        return dict(inputs=torch.tensor(index), data_samples=sample)


class Dataset(PassesOverBadSamples, Numbers):
    pass


class Runner:
    """What the hook needs of a runner."""

    def __init__(self):
        self.logger = logging.getLogger("passed-over")


def collate(items):
    return dict(data_samples=[item["data_samples"] for item in items])


def test_the_next_sample_stands_in_and_says_for_what():
    dataset = Dataset(5, {1, 2, 4})
    assert [dataset[i]["data_samples"].index for i in range(5)] == [0, 3, 3, 3, 0]
    batch = collate([dataset[i] for i in range(5)])
    assert [source for source, _ in passed_over(batch)] == ["1.jpg", "2.jpg", "2.jpg", "4.jpg"]
    assert [is_stand_in(s) for s in batch["data_samples"]] == [False, True, True, False, True]
    assert is_stand_in(batch["data_samples"][1].to_dict())  # as metrics get them


def test_a_loop_over_the_data_set_ends():
    assert len(list(islice(Dataset(5, {1, 4}), 9))) == 5


def test_several_views_of_a_sample_all_say_so():
    class Views(Numbers):
        def __getitem__(self, index):
            item = super().__getitem__(index)
            return dict(data_samples=[item["data_samples"], item["data_samples"].clone()])

    class TwoViews(PassesOverBadSamples, Views):
        pass

    item = TwoViews(3, {0})[0]
    assert all(map(is_stand_in, item["data_samples"]))
    assert len(passed_over(dict(data_samples=[item["data_samples"]]))) == 2


def test_a_whole_folder_that_is_gone_stops_the_run():
    with pytest.raises(DatasetError, match=r"10 samples in a row .* the first is 5\.jpg: is empty"):
        Dataset(100, set(range(5, 90)))[5]


def test_other_errors_are_not_hidden():
    class Broken(Numbers):
        def __getitem__(self, index):
            raise DatasetError("the table is gone")

    class Passing(PassesOverBadSamples, Broken):
        pass

    with pytest.raises(DatasetError, match="the table is gone"):
        Passing(3, set())[0]


def run(dataset, hook, epochs, indices, caplog):
    for _ in range(epochs):
        for index in indices:
            hook.after_train_iter(Runner(), 0, collate([dataset[index]]))
    with caplog.at_level(logging.WARNING):
        hook.after_train(Runner())


def test_the_end_of_a_run_counts_files_and_reasons(caplog):
    hook = SkippedSampleHook()
    run(Dataset(40, {3, 7}), hook, 2, range(40), caplog)
    named = [r.message for r in caplog.records if r.message.startswith("Passed over 3.jpg")]
    assert len(named) == 1
    summary = caplog.records[-1].message
    assert summary.startswith("Passed over in training: 4 samples, 2 files")
    assert "2 x 3.jpg: is empty" in summary
    assert "2 x 7.jpg: is empty" in summary


def test_a_run_without_bad_samples_says_nothing(caplog):
    run(Dataset(40, set()), SkippedSampleHook(), 1, range(40), caplog)
    assert not caplog.records


def test_more_than_the_allowed_share_stops_training(caplog):
    hook = SkippedSampleHook(max_share=0.1)
    with pytest.raises(TrainingStopped, match=r"of 200 samples could not be used: .*20 files"):
        run(Dataset(100, set(range(0, 100, 5))), hook, 3, range(100), caplog)
