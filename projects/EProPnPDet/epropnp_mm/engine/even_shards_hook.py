"""All processes train on equally many batches, or the last ones would wait for ever."""

from mmdet3d.registry import HOOKS
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner

from .skipped_step_hook import TrainingStopped


@HOOKS.register_module()
class EvenShardsHook(Hook):
    """Refuse a sampler that gives some processes fewer batches than others."""

    def before_train(self, runner: Runner) -> None:
        """Compare the processes.

        Raises:
            TrainingStopped: naming the numbers of batches.
        """
        counts = all_gather_object(len(runner.train_dataloader))
        if len(set(counts)) > 1:
            raise TrainingStopped(
                f"the processes have {counts} batches per epoch, so the last steps would never "
                "end: use train_dataloader.sampler.type='ResumableSampler', or round_up=True of "
                "mmengine's DefaultSampler"
            )
