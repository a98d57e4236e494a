"""Say which images made an optimizer step impossible, and stop a training that is dead."""

from mmdet3d.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor


@HOOKS.register_module()
class SkippedStepHook(Hook):
    """Report the losses and images of skipped steps of a `FiniteGradOptimWrapper`.

    Args:
        max_consecutive: skipped steps in a row after which the training is given up.
    """

    priority = "BELOW_NORMAL"

    def __init__(self, max_consecutive: int = 50) -> None:
        self.max_consecutive = max_consecutive
        self._consecutive = 0

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Report a skipped step.

        Raises:
            RuntimeError: after ``max_consecutive`` skipped steps in a row.
        """
        if not getattr(runner.optim_wrapper, "skipped_last", False):
            self._consecutive = 0
            return
        self._consecutive += 1
        losses = {name: float(value) for name, value in (outputs or {}).items() if is_scalar(value)}
        images = [getattr(sample, "img_path", "?") for sample in (data_batch or {})["data_samples"]]
        runner.logger.warning(f"Losses of the skipped step: {losses}; its images: {images}")
        if self._consecutive >= self.max_consecutive:
            raise RuntimeError(
                f"{self._consecutive} steps in a row had non-finite gradients, the last at "
                f"iteration {runner.iter}: restart from an earlier checkpoint with a lower "
                "learning rate (--resume CHECKPOINT --cfg-options optim_wrapper.optimizer.lr=...)"
            )


def is_scalar(value: object) -> bool:
    """Whether a logged value is one number."""
    return isinstance(value, float | int) or (isinstance(value, Tensor) and value.numel() == 1)
