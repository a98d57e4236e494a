"""Data samples of the detector as pictures.

visualizer = dict(type="DetectionVisualizer", vis_backends=[dict(type="LocalVisBackend")])
"""

import numpy as np
from mmdet3d.registry import VISUALIZERS
from mmdet3d.structures import Det3DDataSample

from epropnp_data.geometry.boxes import yaw_to_rotation
from epropnp_data.vocabulary import Vocabulary
from epropnp_mm.visualization import ResultVisualizer
from epropnp_results import ImageResult, ObjectResult, TruthBox
from epropnp_results.pictures import draw_result

from ..evaluation.camera_boxes import to_camera_boxes
from .network_input import draw_predictions, draw_sample


@VISUALIZERS.register_module()
class DetectionVisualizer(ResultVisualizer):
    """Boxes in the image and from above; the arguments are mmengine's."""

    def draw_result(
        self, image: np.ndarray, sample: Det3DDataSample, score_thr: float, gt: bool, pred: bool
    ) -> np.ndarray:
        """Boxes in the image, and the ground from above.

        Raises:
            ValueError: the sample has no camera, or the data set's classes are not known.
        """
        vocabulary = self._vocabulary()
        result = _result_of(image, sample, score_thr, gt, pred, vocabulary)
        return draw_result(image, result, {}, ("boxes", "bev"))

    def draw_input(
        self,
        image: np.ndarray,
        sample: Det3DDataSample,
        found: Det3DDataSample | None = None,
        score_thr: float = 0.0,
    ) -> np.ndarray:
        """See `network_input`; mirrored images stay mirrored.

        Raises:
            ValueError: the pipeline packs no ``img_transform``, or the classes are not known.
        """
        canvas = draw_sample(image, sample, self._vocabulary().classes)
        if found is not None:
            draw_predictions(canvas, found, score_thr, canvas.shape[1] / image.shape[1])
        return canvas

    def without_truth(self, sample: Det3DDataSample) -> Det3DDataSample:
        """A sample with the meta information alone."""
        return Det3DDataSample(metainfo=sample.metainfo)

    def _vocabulary(self) -> Vocabulary:
        if "classes" not in (self.dataset_meta or {}):
            raise ValueError(
                "DetectionVisualizer: dataset_meta has no classes. A runner sets it; elsewhere: "
                "visualizer.dataset_meta = dataset.metainfo"
            )
        return Vocabulary.of(self.dataset_meta)


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
