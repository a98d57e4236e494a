"""Say which images made an optimizer step impossible, undo it, and stop a training that is dead."""

import torch
from mmdet3d.registry import HOOKS
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from .exact_checkpoint_hook import BACKEND
from .non_finite import describe_samples

SKIPPED = "skipped_steps"  # in the message hub, which checkpoints hold


class TrainingStopped(RuntimeError):
    """Training cannot go on; the message says why and how it can."""


@HOOKS.register_module()
class SkippedStepHook(Hook):
    """Report the losses and images of skipped steps of a `FiniteGradOptimWrapper`.

    Running means of the model, such as those of batch normalisation, are put back to where they
    were before a skipped step. The end of training says how many steps were skipped.

    Args:
        max_consecutive: skipped steps in a row after which a checkpoint is written and the training
            is given up.
    """

    priority = "BELOW_NORMAL"

    def __init__(self, max_consecutive: int = 50) -> None:
        self.max_consecutive = max_consecutive
        self._consecutive = 0
        self._kept: list[Tensor] = []
        self._attempts: int | None = None  # of the optimizer wrapper, when they were kept

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Keep the running means, where no accumulation of gradients is under way."""
        attempts = getattr(runner.optim_wrapper, "num_attempts", 0)
        if attempts != self._attempts:
            self._attempts = attempts
            buffers = list(runner.model.buffers())
            if len(self._kept) != len(buffers):
                self._kept = [torch.empty_like(buffer) for buffer in buffers]
            _copy(self._kept, buffers)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Report and undo a skipped step.

        Raises:
            TrainingStopped: after ``max_consecutive`` skipped steps in a row.
        """
        wrapper = runner.optim_wrapper
        if getattr(wrapper, "num_attempts", None) == self._attempts:
            return  # gradients are being accumulated
        if not getattr(wrapper, "skipped_last", False):
            self._consecutive = 0
            return
        self._consecutive += 1
        _copy(list(runner.model.buffers()), self._kept)
        runner.message_hub.update_info(SKIPPED, skipped_steps(runner) + 1)
        scalars = {name: value for name, value in (outputs or {}).items() if is_scalar(value)}
        losses = {name: float(torch.as_tensor(value).detach()) for name, value in scalars.items()}
        images = [
            text for texts in all_gather_object(describe_samples(data_batch)) for text in texts
        ]
        runner.logger.warning(f"Losses of the skipped step: {losses}; its images: {images}")
        if self._consecutive >= self.max_consecutive:
            self._stop(runner)

    def after_train(self, runner: Runner) -> None:
        """Say how many steps were skipped."""
        if skipped_steps(runner):
            runner.logger.warning(f"{skipped_steps(runner)} of {runner.iter} steps were skipped")

    def _stop(self, runner: Runner) -> None:
        name = f"stopped_iter_{runner.iter + 1}.pth"
        meta = {"epoch": runner.epoch, "iter": runner.iter + 1}
        runner.save_checkpoint(
            runner.work_dir, name, meta=meta, by_epoch=False, backend_args={"backend": BACKEND}
        )
        path = f"{runner.work_dir}/{name}"
        raise TrainingStopped(
            f"{self._consecutive} steps in a row had non-finite gradients, the last at iteration "
            f"{runner.iter + 1}; the log names their images. The state before them is in {path}: "
            f"mend the data, or go on with a lower learning rate (--resume {path} --cfg-options "
            "optim_wrapper.optimizer.lr=...)"
        )


def skipped_steps(runner: Runner) -> int:
    """Steps skipped so far, in interrupted runs before too."""
    hub = runner.message_hub
    return hub.get_info(SKIPPED) if SKIPPED in hub.runtime_info else 0


def is_scalar(value: object) -> bool:
    """Whether a logged value is one number."""
    return isinstance(value, float | int) or (isinstance(value, Tensor) and value.numel() == 1)


@torch.no_grad()
def _copy(targets: list[Tensor], sources: list[Tensor]) -> None:
    for target, source in zip(targets, sources, strict=True):
        target.copy_(source)
