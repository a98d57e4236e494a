"""Samples that cannot be read: data sets pass over them, and what stands in for them says so."""

from collections.abc import Iterator
from typing import NamedTuple

from epropnp_data.errors import DatasetError, SampleError

MAX_IN_A_ROW = 10
STAND_IN = "stands_in_for"  # field of a data sample, list of `PassedOver`


class PassedOver(NamedTuple):
    """A sample that was passed over: the file at fault and the reason."""

    source: str
    reason: str


class PassesOverBadSamples:
    """Part of a data set: a sample that raises `SampleError` is replaced by the one that follows.

    The data sample of the replacement lists what it stands in for in ``stands_in_for``; the
    replacement is the same whenever the data set is read. Metrics leave such a replacement out,
    since the sample itself comes as well.
    """

    def __getitem__(self, index: int) -> dict:
        """Sample of an index, or of the next one that can be read.

        Raises:
            IndexError: beyond the last one, which ends a loop over the data set.
            DatasetError: several samples in a row cannot be read.
        """
        passed_over = []
        for step in range(MAX_IN_A_ROW):
            try:
                data = super().__getitem__((index + step) % len(self) if step else index)
            except SampleError as error:
                passed_over.append(PassedOver(error.source, error.reason))
                continue
            if passed_over:
                for sample in _flat(data["data_samples"]):
                    sample.set_metainfo({STAND_IN: passed_over})
            return data
        first = f"{passed_over[0].source}: {passed_over[0].reason}"
        raise DatasetError(f"{MAX_IN_A_ROW} samples in a row cannot be used, the first is {first}")


def passed_over(data_batch: dict) -> list[PassedOver]:
    """What the samples of a batch stand in for."""
    samples = _flat((data_batch or {}).get("data_samples", []))
    return [item for sample in samples for item in sample.get(STAND_IN) or []]


def is_stand_in(sample: dict) -> bool:
    """Whether a data sample takes the place of one that was passed over."""
    return bool(sample.get(STAND_IN))


def _flat(samples: object) -> Iterator:
    """Data samples of a batch, of one image, or of several views of it."""
    if isinstance(samples, list | tuple):
        for item in samples:
            yield from _flat(item)
    else:
        yield samples
