"""Testing that goes on where it was, with the same results for any number of processes."""

from pathlib import Path

import torch
from mmengine.dist import barrier, broadcast_object_list, is_main_process
from mmengine.evaluator import Evaluator
from mmengine.registry import LOOPS
from mmengine.runner import Runner, TestLoop
from torch.utils.data import DataLoader

from .batches import DealtBatchSampler
from .draws import draw_seed
from .partial_results import PartialResults


@LOOPS.register_module()
class ResumableTestLoop(TestLoop):
    """mmengine's loop, batch by batch on disk.

    Each batch has random numbers of its own, and its results are kept in a folder that all
    processes see, until the evaluation is done. A test that was interrupted goes on with what is
    there. Needs ``batch_sampler=dict(type="DealtBatchSampler")`` of the loader.

    Args:
        runner: of the test.
        dataloader: as mmengine's.
        evaluator: as mmengine's.
        folder: for the results of single batches.
        made_for: what they depend on, see `PartialResults`.
        fp16: as mmengine's.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        evaluator: Evaluator | dict | list,
        folder: str,
        made_for: dict,
        fp16: bool = False,
    ) -> None:
        super().__init__(runner, dataloader, evaluator, fp16)
        self.batches: DealtBatchSampler = self.dataloader.batch_sampler
        made_for = {**made_for, "batch_size": self.batches.batch_size, "items": self.batches.size}
        types = {each for metric in self.evaluator.metrics for each in result_types(metric)}
        if is_main_process():
            PartialResults(Path(folder), made_for)
        barrier()
        self.parts = PartialResults(Path(folder), made_for, tuple(types))

    def run(self) -> dict:
        """Test the batches that are missing, evaluate all."""
        self.runner.call_hook("before_test")
        self.runner.call_hook("before_test_epoch")
        self.runner.model.eval()
        self.batches.done = self.parts.numbers()
        if self.batches.done:
            self.runner.logger.info(
                f"{len(self.batches.done)} of {self.batches.total} batches were tested before, "
                f"their results are in {self.parts.folder}"
            )
        numbers = self.batches.numbers()
        for index, batch in enumerate(self.dataloader):
            self.test_batch(index, numbers[index], batch)
        barrier()
        metrics = self.evaluate()
        self.runner.call_hook("after_test_epoch", metrics=metrics)
        self.runner.call_hook("after_test")
        return metrics

    def test_batch(self, index: int, number: int, batch: dict) -> None:
        """Test a batch and keep its results."""
        torch.manual_seed(draw_seed(self.runner.seed, number))
        self.run_iter(index, batch)
        self.parts.save(number, [list(metric.results) for metric in self.evaluator.metrics])
        for metric in self.evaluator.metrics:
            metric.results.clear()

    def evaluate(self) -> dict:
        """Scores of all batches, made by the main process; the kept results are removed."""
        scores = [{}]
        if is_main_process():
            for number in range(self.batches.total):
                for metric, results in zip(
                    self.evaluator.metrics, self.parts.load(number), strict=True
                ):
                    metric.results += results
            for metric in self.evaluator.metrics:
                found = metric.compute_metrics(metric.results)
                prefix = f"{metric.prefix}/" if metric.prefix else ""
                scores[0] |= {prefix + name: value for name, value in found.items()}
                metric.results.clear()
            self.parts.remove()
        broadcast_object_list(scores)
        return scores[0]


def result_types(metric: object) -> tuple[type, ...]:
    """Classes that the results of a metric consist of, besides tensors, arrays and plain values."""
    return getattr(metric, "result_types", ())
