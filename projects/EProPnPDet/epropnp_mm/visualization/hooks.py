"""Pictures during training, validation and test, through the runner's visualizer.

custom_hooks = [
    dict(type="DrawTrainingHook", interval=200),
    dict(type="DrawResultsHook", interval=50),
]
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from mmdet3d.registry import HOOKS
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch import nn

from .visualizer import ResultVisualizer


@HOOKS.register_module()
class DrawResultsHook(Hook):
    """Hand images with their predictions to the runner's visualizer, in validation and test.

    Args:
        interval: of batches; the first sample of each is drawn.
        score_thr: lowest score that is drawn.
        out_dir: write a picture of every sample of these batches there, not into the backends.

    Raises:
        ValueError: the interval is below 1, or, as a run starts, the visualizer is not of this
            project.
    """

    def __init__(self, interval: int = 50, score_thr: float = 0.2, out_dir: str | None = None):
        self.interval = _checked(interval)
        self.score_thr = score_thr
        self.out_dir = None if out_dir is None else Path(out_dir)

    def before_run(self, runner: Runner) -> None:
        """Let the visualizer know the network."""
        _prepare(runner)

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: Sequence[BaseDataElement]
    ) -> None:
        """Draw during training's validation."""
        self._draw(runner, batch_idx, outputs, "val", runner.iter)

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: Sequence[BaseDataElement]
    ) -> None:
        """Draw during a test."""
        self._draw(runner, batch_idx, outputs, "test", batch_idx)

    def _draw(
        self,
        runner: Runner,
        batch_idx: int,
        outputs: Sequence[BaseDataElement],
        mode: str,
        step: int,
    ) -> None:
        if not self.every_n_inner_iters(batch_idx, self.interval):
            return
        for index, sample in enumerate(outputs[:1] if self.out_dir is None else outputs):
            image = cv2.imread(sample.img_path, cv2.IMREAD_COLOR)
            if image is None:
                runner.logger.warning(f"{sample.img_path}: not readable, not drawn")
                continue
            out_file = None
            if self.out_dir is not None:
                name = f"{batch_idx:06d}_{index:02d}_{Path(sample.img_path).stem}.jpg"
                out_file = str(self.out_dir / name)
            with torch.random.fork_rng():
                runner.visualizer.add_datasample(
                    f"{mode}_{batch_idx}",
                    dict(img=image[..., ::-1]),
                    sample,
                    pred_score_thr=self.score_thr,
                    step=step,
                    out_file=out_file,
                )


@HOOKS.register_module()
class DrawTrainingHook(Hook):
    """Draw what the network sees in training, and what it predicts for it.

    The first input of a batch with its targets (blue) and the predictions (orange) of the network
    as it is. Training does not notice: random numbers and the network's mode are restored.

    Args:
        interval: of iterations.
        score_thr: lowest score that is drawn.

    Raises:
        ValueError: as `DrawResultsHook`.
    """

    def __init__(self, interval: int = 200, score_thr: float = 0.2):
        self.interval = _checked(interval)
        self.score_thr = score_thr

    def before_run(self, runner: Runner) -> None:
        """Let the visualizer know the network."""
        _prepare(runner)

    @master_only
    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: dict | None = None
    ) -> None:
        """Draw every so many iterations."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        inputs, sample = data_batch["inputs"], data_batch["data_samples"][0]
        visualizer: ResultVisualizer = runner.visualizer
        in_dict = isinstance(inputs, dict)  # mmdet3d's way, mmengine's is a list
        image = (inputs["img"] if in_dict else inputs)[0]
        known = visualizer.without_truth(sample)
        own = dict(inputs=dict(img=[image]) if in_dict else [image], data_samples=[known])
        found = _predict(_plain(runner.model), own)
        picture = np.ascontiguousarray(image.cpu().permute(1, 2, 0).numpy())
        picture = visualizer.draw_input(picture, sample, found, self.score_thr)
        visualizer.add_picture("train", picture, runner.iter + 1)


@torch.no_grad()
def _predict(model: nn.Module, data: dict) -> BaseDataElement:
    with torch.random.fork_rng():
        model.eval()
        try:
            (found,) = model.test_step(data)
        finally:
            model.train()
    return found


def _prepare(runner: Runner) -> None:
    if not isinstance(runner.visualizer, ResultVisualizer):
        raise ValueError(
            f"visualizer is {type(runner.visualizer).__name__}, which draws no data samples of "
            "this project; use DetectionVisualizer or PoseVisualizer"
        )
    runner.visualizer.bind(_plain(runner.model))


def _plain(model: nn.Module) -> nn.Module:
    return model.module if is_model_wrapper(model) else model


def _checked(interval: int) -> int:
    if interval < 1:
        raise ValueError(f"interval must be at least 1, got {interval}")
    return interval
