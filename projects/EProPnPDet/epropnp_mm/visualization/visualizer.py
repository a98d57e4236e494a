"""Data samples drawn by mmengine's visualizer, into files, TensorBoard or W&B by its backends."""

from abc import abstractmethod
from pathlib import Path

import cv2
import numpy as np
from mmengine.structures import BaseDataElement
from mmengine.visualization import Visualizer
from torch import nn


class ResultVisualizer(Visualizer):
    """Base of the networks' visualizers; the arguments are mmengine's.

    Subclasses say how samples are drawn. mmdet3d's ``Det3DVisualizationHook`` can call it too.
    """

    def bind(self, model: nn.Module) -> None:
        """Take what pictures need of the network; the hooks call it before they draw."""

    @abstractmethod
    def draw_result(
        self, image: np.ndarray, sample: BaseDataElement, score_thr: float, gt: bool, pred: bool
    ) -> np.ndarray:
        """Picture (H, W, 3), BGR, of an image (h, w, 3), BGR, with what is known and found."""

    @abstractmethod
    def draw_input(
        self,
        image: np.ndarray,
        sample: BaseDataElement,
        found: BaseDataElement | None = None,
        score_thr: float = 0.0,
    ) -> np.ndarray:
        """Picture (H, W, 3), BGR, of a network input (h, w, 3), BGR, with its targets.

        Args:
            image: as the network gets it, after augmentation.
            sample: packed, with targets.
            found: the same with predictions.
            score_thr: lowest score that is drawn.
        """

    @abstractmethod
    def without_truth(self, sample: BaseDataElement) -> BaseDataElement:
        """A new data sample with what a network may know of this one."""

    def add_datasample(  # noqa: PLR0913 - mmdet3d's interface
        self,
        name: str,
        data_input: dict,
        data_sample: BaseDataElement | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        out_file: str | None = None,
        o3d_save_path: str | None = None,
        vis_task: str = "mono_det",
        pred_score_thr: float = 0.2,
        step: int = 0,
    ) -> None:
        """Draw one image with its results.

        Args:
            name: tag in the backends.
            data_input: ``img``, (h, w, 3) RGB array or (3, h, w) tensor of the original image.
            data_sample: predictions, truth and camera.
            draw_gt: draw the annotated boxes, if it has some.
            draw_pred: draw the predicted ones.
            show: open a window.
            wait_time: seconds the window stays; 0 until a key is pressed.
            out_file: write the picture there instead of into the backends.
            o3d_save_path: ignored; part of mmdet3d's interface.
            vis_task: ignored; these are always results in camera images.
            pred_score_thr: lowest score that is drawn.
            step: of the training, for the backends.
        """
        image = _picture_of(data_input["img"])
        picture = self.draw_result(image, data_sample, pred_score_thr, draw_gt, draw_pred)
        if show:
            self.show(picture[..., ::-1], win_name=name, wait_time=wait_time)
        if out_file is None:
            self.add_picture(name, picture, step)
        else:
            Path(out_file).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(out_file, picture)

    def add_picture(self, name: str, picture: np.ndarray, step: int) -> None:
        """Hand a picture (h, w, 3), BGR, to the backends."""
        self.add_image(name, np.ascontiguousarray(picture[..., ::-1]), step)


def _picture_of(image: object) -> np.ndarray:
    """(h, w, 3) BGR, uint8."""
    if hasattr(image, "detach"):
        image = image.detach().cpu().permute(1, 2, 0).numpy()
    return np.ascontiguousarray(np.asarray(image)[..., ::-1]).astype(np.uint8)
