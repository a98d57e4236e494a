"""Parts of the training loop: registered optimizer wrapper and hooks."""

from .channels_last_runner import ChannelsLastRunner
from .checkpoint_check import CheckpointError, check_checkpoint
from .classes_hook import ClassesHook
from .even_shards_hook import EvenShardsHook
from .exact_checkpoint_hook import ExactCheckpointHook
from .finite_grad_optim_wrapper import FiniteGradAmpOptimWrapper, FiniteGradOptimWrapper
from .latest_checkpoint import latest_checkpoint
from .piecewise_step_hook import PiecewiseStepHook
from .skipped_sample_hook import SkippedSampleHook
from .skipped_step_hook import SkippedStepHook, TrainingStopped

__all__ = [
    "ChannelsLastRunner",
    "CheckpointError",
    "ClassesHook",
    "EvenShardsHook",
    "ExactCheckpointHook",
    "FiniteGradAmpOptimWrapper",
    "FiniteGradOptimWrapper",
    "PiecewiseStepHook",
    "SkippedSampleHook",
    "SkippedStepHook",
    "TrainingStopped",
    "check_checkpoint",
    "latest_checkpoint",
]
