"""Pictures during training, validation and test, through the runner's visualizer.

custom_hooks = [
    dict(type="DrawTrainingHook", interval=200),
    dict(type="DrawDetectionsHook", interval=50),
]
"""

from pathlib import Path

import cv2
import numpy as np
import torch
from mmdet3d.registry import HOOKS
from mmdet3d.structures import Det3DDataSample
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from .network_input import draw_predictions, draw_sample


@HOOKS.register_module()
class DrawDetectionsHook(Hook):
    """Hand images with their predictions to the runner's visualizer, in validation and test.

    Args:
        interval: of batches; the first image of each is drawn.
        score_thr: lowest score that is drawn.
        out_dir: write a picture of every image of these batches there, not into the backends.
    """

    def __init__(self, interval: int = 50, score_thr: float = 0.2, out_dir: str | None = None):
        self.interval = _checked(interval)
        self.score_thr = score_thr
        self.out_dir = None if out_dir is None else Path(out_dir)

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: list[Det3DDataSample]
    ) -> None:
        """Draw during training's validation."""
        self._draw(runner, batch_idx, outputs, "val", runner.iter)

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: list[Det3DDataSample]
    ) -> None:
        """Draw during a test."""
        self._draw(runner, batch_idx, outputs, "test", batch_idx)

    def _draw(
        self, runner: Runner, batch_idx: int, outputs: list[Det3DDataSample], mode: str, step: int
    ) -> None:
        if not self.every_n_inner_iters(batch_idx, self.interval):
            return
        for sample in outputs[:1] if self.out_dir is None else outputs:
            image = cv2.imread(sample.img_path, cv2.IMREAD_COLOR)
            if image is None:
                runner.logger.warning(f"{sample.img_path}: not readable, not drawn")
                continue
            name = f"{mode}_{batch_idx}"
            out_file = None
            if self.out_dir is not None:
                out_file = str(self.out_dir / f"{batch_idx:06d}_{Path(sample.img_path).stem}.jpg")
            runner.visualizer.add_datasample(
                name,
                dict(img=image[..., ::-1]),
                sample,
                pred_score_thr=self.score_thr,
                step=step,
                out_file=out_file,
            )


@HOOKS.register_module()
class DrawTrainingHook(Hook):
    """Draw what the network sees in training, and what it predicts for it.

    The first image of a batch with targets (3D blue, 2D yellow), and predictions (orange) of the
    network as it is. Training does not notice: random numbers and the network's mode are restored.

    Args:
        interval: of iterations.
        score_thr: lowest score that is drawn.
    """

    def __init__(self, interval: int = 200, score_thr: float = 0.2):
        self.interval = _checked(interval)
        self.score_thr = score_thr

    @master_only
    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: dict | None = None
    ) -> None:
        """Draw every so many iterations."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        image, sample = data_batch["inputs"]["img"][0], data_batch["data_samples"][0]
        classes = runner.train_dataloader.dataset.metainfo["classes"]
        picture = np.ascontiguousarray(image.cpu().permute(1, 2, 0).numpy())
        picture = draw_sample(picture, sample, classes)
        draw_predictions(picture, self._predict(runner, image, sample), self.score_thr)
        rgb = np.ascontiguousarray(picture[..., ::-1])
        runner.visualizer.add_image("train", rgb, step=runner.iter + 1)

    @staticmethod
    @torch.no_grad()
    def _predict(runner: Runner, image: torch.Tensor, sample: Det3DDataSample) -> Det3DDataSample:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        known = Det3DDataSample(metainfo=sample.metainfo)
        with torch.random.fork_rng():
            model.eval()
            try:
                (found,) = model.test_step(dict(inputs=dict(img=[image]), data_samples=[known]))
            finally:
                model.train()
        return found


def _checked(interval: int) -> int:
    if interval < 1:
        raise ValueError(f"interval must be at least 1, got {interval}")
    return interval
