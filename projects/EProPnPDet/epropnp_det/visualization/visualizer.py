"""Data samples drawn by mmengine's visualizer, into files, TensorBoard or W&B by its backends.

visualizer = dict(type="DetectionVisualizer", vis_backends=[dict(type="LocalVisBackend")])
"""

from pathlib import Path

import cv2
import numpy as np
from mmdet3d.registry import VISUALIZERS
from mmdet3d.structures import Det3DDataSample
from mmengine.visualization import Visualizer

from epropnp_data.geometry.boxes import yaw_to_rotation
from epropnp_data.vocabulary import Vocabulary
from epropnp_results import ImageResult, ObjectResult, TruthBox
from epropnp_results.pictures import draw_result

from ..evaluation.camera_boxes import to_camera_boxes


@VISUALIZERS.register_module()
class DetectionVisualizer(Visualizer):
    """Boxes in the image and from above; the arguments are mmengine's.

    mmdet3d's ``Det3DVisualizationHook`` can call it too.
    """

    def add_datasample(  # noqa: PLR0913 - mmdet3d's interface
        self,
        name: str,
        data_input: dict,
        data_sample: Det3DDataSample | None = None,
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
        """Draw one image with its boxes.

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
            vis_task: ignored; these are always camera detections.
            pred_score_thr: lowest score that is drawn.
            step: of the training, for the backends.
        """
        image = _picture_of(data_input["img"])
        vocabulary = self._vocabulary()
        result = _result_of(image, data_sample, pred_score_thr, draw_gt, draw_pred, vocabulary)
        picture = draw_result(image, result, {}, ("boxes", "bev"))[..., ::-1]
        if show:
            self.show(picture, win_name=name, wait_time=wait_time)
        if out_file is not None:
            Path(out_file).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(out_file, picture[..., ::-1])
        else:
            self.add_image(name, np.ascontiguousarray(picture), step)

    def _vocabulary(self) -> Vocabulary:
        if "classes" not in (self.dataset_meta or {}):
            raise ValueError(
                "DetectionVisualizer: dataset_meta has no classes. A runner sets it; elsewhere: "
                "visualizer.dataset_meta = dataset.metainfo"
            )
        return Vocabulary.of(self.dataset_meta)


def _picture_of(image: object) -> np.ndarray:
    """(h, w, 3) BGR, uint8."""
    if hasattr(image, "detach"):
        image = image.detach().cpu().permute(1, 2, 0).numpy()
    return np.ascontiguousarray(np.asarray(image)[..., ::-1]).astype(np.uint8)


def _result_of(
    image: np.ndarray,
    sample: Det3DDataSample | None,
    score_thr: float,
    gt: bool,
    pred: bool,
    vocabulary: Vocabulary,
) -> ImageResult:
    meta = {} if sample is None else sample.metainfo
    matrix = meta.get("cam_intrinsic", meta.get("cam2img"))
    if matrix is None:
        raise ValueError(
            "the data sample has neither cam_intrinsic nor cam2img: nothing to draw by"
        )
    found = getattr(sample, "pred_instances_3d", None) if pred else None
    truth = getattr(sample, "gt_instances_3d", None) if gt else None
    has_truth = truth is not None and "bboxes_3d" in truth
    ground = meta.get("levelled_by", meta.get("camera_to_ground"))
    turn = np.eye(3) if ground is None else np.asarray(ground, dtype=float)
    return ImageResult(
        name=str(meta.get("img_path", "image")),
        image="",
        width=image.shape[1],
        height=image.shape[0],
        intrinsics=np.asarray(matrix, dtype=float)[:3, :3].tolist(),
        camera_to_ground=None if ground is None else turn.tolist(),
        objects=[] if found is None else _objects(found, score_thr, vocabulary, turn),
        truth=_truth(truth, vocabulary.classes, turn) if has_truth else None,
    )


def _objects(
    instances: object, score_thr: float, vocabulary: Vocabulary, ground: np.ndarray
) -> list[ObjectResult]:
    boxes = to_camera_boxes(instances, vocabulary)
    return [
        ObjectResult(
            label=vocabulary.classes[boxes.labels[i]],
            score=float(boxes.scores[i]),
            translation=(ground.T @ boxes.centers[i]).tolist(),
            rotation=(ground.T @ yaw_to_rotation(boxes.yaws[i])).tolist(),
            size=boxes.dims[i].tolist(),
            yaw=float(boxes.yaws[i]),
        )
        for i in np.flatnonzero(boxes.scores >= score_thr)
    ]


def _truth(instances: object, classes: tuple[str, ...], ground: np.ndarray) -> list[TruthBox]:
    centers = instances["bboxes_3d"].gravity_center.cpu().double().numpy() @ ground
    rows = instances["bboxes_3d"].tensor.cpu().double().numpy()
    rotations = ground.T @ yaw_to_rotation(rows[:, 6])
    labels = instances["labels_3d"].tolist()
    return [
        TruthBox(classes[label], center.tolist(), rotation.tolist(), row[3:6].tolist())
        for label, center, rotation, row in zip(labels, centers, rotations, rows, strict=True)
    ]
