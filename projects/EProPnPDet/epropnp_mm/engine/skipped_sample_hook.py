"""Count the samples that a run passed over, and say at its end which and why."""

from collections import Counter

from mmdet3d.registry import HOOKS
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..skipping import PassedOver, passed_over
from .skipped_step_hook import TrainingStopped

FILES_SHOWN = 20
MIN_SEEN = 200  # samples, before their share counts


@HOOKS.register_module()
class SkippedSampleHook(Hook):
    """Report what data sets passed over; see `epropnp_mm.skipping`.

    Each file is named once when it is met, and all of them with their counts at the end of
    training, validation and test. A view of test-time augmentation counts as a sample.

    Args:
        max_share: of all samples, above which training is given up, since then something else is
            wrong than a few damaged files.
    """

    priority = "BELOW_NORMAL"

    def __init__(self, max_share: float = 0.05) -> None:
        self.max_share = max_share
        self._counts: Counter[PassedOver] = Counter()
        self._seen = 0

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None):
        """Count a batch.

        Raises:
            TrainingStopped: too many samples cannot be read.
        """
        self._count(runner, data_batch)
        total = self._counts.total()
        if self._seen >= MIN_SEEN and total > self.max_share * self._seen:
            raise TrainingStopped(
                f"{total} of {self._seen} samples could not be used: {self._text(self._counts)}"
            )

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None):
        """Count a batch."""
        self._count(runner, data_batch)

    after_test_iter = after_val_iter

    def after_train(self, runner: Runner) -> None:
        """Report."""
        self._report(runner, "training")

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Report what training and this validation passed over so far."""
        self._report(runner, "the run so far")

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Report."""
        self._report(runner, "test")

    def _count(self, runner: Runner, data_batch: dict | None) -> None:
        self._seen += len((data_batch or {}).get("data_samples", []))
        for item in passed_over(data_batch):
            if item not in self._counts:
                runner.logger.warning(f"Passed over {item.source}: {item.reason}")
            self._counts[item] += 1

    def _report(self, runner: Runner, run: str) -> None:
        counts: Counter[PassedOver] = Counter()
        for part in all_gather_object(self._counts):
            counts.update(part)
        if counts:
            runner.logger.warning(f"Passed over in {run}: {self._text(counts)}")

    @staticmethod
    def _text(counts: Counter[PassedOver]) -> str:
        lines = [
            f"{count} x {item.source}: {item.reason}"
            for item, count in counts.most_common(FILES_SHOWN)
        ]
        more = (
            f"\n  and {len(counts) - FILES_SHOWN} more files" if len(counts) > FILES_SHOWN else ""
        )
        return f"{counts.total()} samples, {len(counts)} files\n  " + "\n  ".join(lines) + more
