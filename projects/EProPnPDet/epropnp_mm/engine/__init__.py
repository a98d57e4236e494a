"""Parts of the training loop: registered optimizer wrapper and hooks."""

from .channels_last_runner import ChannelsLastRunner
from .checkpoint_check import CheckpointError, check_checkpoint
from .classes_hook import ClassesHook
from .finite_grad_optim_wrapper import FiniteGradAmpOptimWrapper, FiniteGradOptimWrapper
from .skipped_step_hook import SkippedStepHook

__all__ = [
    "ChannelsLastRunner",
    "CheckpointError",
    "ClassesHook",
    "FiniteGradAmpOptimWrapper",
    "FiniteGradOptimWrapper",
    "SkippedStepHook",
    "check_checkpoint",
]
