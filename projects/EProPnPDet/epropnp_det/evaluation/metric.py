"""nuScenes detection metric for detectors that see one camera image at a time."""

import logging
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmdet3d.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from epropnp_data.nuscenes.taxonomy import CLASSES, task_labels, task_vocabulary
from epropnp_mm.skipping import is_stand_in

from .boxes import RANGE_MARGIN, GlobalBoxes, camera_to_global
from .camera_boxes import CameraBoxes, to_camera_boxes
from .frames import FrameTable, class_ranges
from .merging import MAX_BOXES, NMS_IOU, merge_cameras
from .official import evaluate_results_file, format_table
from .submission import RESULTS_NAME, write_submission


@METRICS.register_module()
class NuScenesMono3DMetric(BaseMetric):
    """Merge the predictions of all cameras, write the results file and score it.

    Takes the predictions of any detector with camera boxes (ours, FCOS3D, PGD), in any order and
    from any number of processes. Each box moves with the poses of its own camera's timestamp.
    Labels are those of the data set (``dataset_meta["classes"]``), which may have a subset of the
    ten classes, in any order.

    Args:
        data_root: data root with the tables.
        ann_file: info file of the tested split.
        eval_set: devkit split; by the version of the info file when not given
            (``mini_val``, ``val``).
        format_only: write the results file and stop; always so for ``v1.0-test``.
        out_dir: folder of ``results_nusc.json`` and the devkit's summaries; a temporary one when
            not given.
        nms_iou_threshold: overlap of boxes across cameras.
        use_external: declare that the detector used data beyond nuScenes.
        range_margin: metres beyond the range of its class up to which a box is kept; the evaluator
            cuts exactly.
        exact_nms: overlaps across cameras in float64; else by mmcv in float32.

    Raises:
        ValueError: ``format_only`` without ``out_dir``.
        DatasetError: the info file is missing or of the old format.
    """

    default_prefix = "NuScenes"
    result_types = (GlobalBoxes,)

    def __init__(
        self,
        data_root: str,
        ann_file: str,
        eval_set: str | None = None,
        format_only: bool = False,
        out_dir: str | None = None,
        nms_iou_threshold: float = NMS_IOU,
        use_external: bool = False,
        range_margin: float = RANGE_MARGIN,
        exact_nms: bool = True,
    ):
        super().__init__(collect_device="cpu")
        if format_only and out_dir is None:
            raise ValueError("NuScenesMono3DMetric: format_only needs out_dir to write into")
        self.data_root = data_root
        self.eval_set = eval_set
        self.out_dir = out_dir
        self.nms_iou_threshold = nms_iou_threshold
        self.use_external = use_external
        self.range_margin = range_margin
        self.exact_nms = exact_nms
        self.frames = FrameTable(ann_file, data_root)
        self.format_only = format_only or self.frames.version == "v1.0-test"
        self.ranges = class_ranges()

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Move the predictions of a batch to the global frame."""
        for sample in data_samples:
            if is_stand_in(sample):
                continue
            key = self.frames.key(sample)
            boxes = to_task_boxes(sample["pred_instances_3d"], self._classes())
            moved = camera_to_global(boxes, self.frames.pose(key), self.ranges, self.range_margin)
            self.results.append((key, _finite(moved, key)))

    def _classes(self) -> Sequence[str]:
        """Classes of the tested data set, whose labels the predictions carry."""
        return (self.dataset_meta or {}).get("classes", CLASSES)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Write the results file of the split and evaluate it."""
        per_camera = dict(results)  # padding of a distributed sampler repeats images
        parts: dict[str, list[GlobalBoxes]] = defaultdict(list)
        for (sample_token, _), boxes in sorted(per_camera.items(), key=lambda item: item[0]):
            parts[sample_token].append(boxes)
        self._note_missing(parts, len(per_camera))
        boxes = {
            token: merge_cameras(parts[token], self.nms_iou_threshold, MAX_BOXES, self.exact_nms)
            for token in self.frames.sample_tokens
        }
        with tempfile.TemporaryDirectory() as scratch:
            out_dir = Path(self.out_dir or scratch)
            path = write_submission(out_dir / RESULTS_NAME, boxes, self.use_external)
            if self.out_dir:
                print_log(f"results are in {path}", "current")
            if self.format_only:
                return {}
            metrics = evaluate_results_file(
                path, self.data_root, self.frames.version, self.eval_set, self.out_dir
            )
        print_log("nuScenes detection evaluation\n" + format_table(metrics), "current")
        return metrics

    def _note_missing(self, parts: dict[str, list[GlobalBoxes]], num_images: int) -> None:
        missing = len(set(self.frames.sample_tokens) - parts.keys())
        if missing:
            print_log(
                f"{missing} of {len(self.frames.sample_tokens)} keyframes were not tested; they "
                "count as keyframes without detections",
                "current",
                logging.WARNING,
            )
        elif num_images < len(self.frames):
            print_log(
                f"{len(self.frames) - num_images} of {len(self.frames)} camera images were not "
                "tested; they count as images without detections",
                "current",
                logging.WARNING,
            )


def to_task_boxes(predictions, classes: Sequence[str]) -> CameraBoxes:
    """Predictions of one image with the labels and attributes of the detection task.

    A velocity that is not predicted counts as zero.

    Args:
        predictions: see :func:`to_camera_boxes`.
        classes: of the data set, in the order of its labels.
    """
    boxes = to_camera_boxes(predictions, task_vocabulary(classes))
    return boxes._replace(
        labels=task_labels(classes)[boxes.labels], velocities=np.nan_to_num(boxes.velocities)
    )


def _finite(boxes: GlobalBoxes, key: tuple[str, str]) -> GlobalBoxes:
    """Without boxes that hold NaN or infinity, which the server would refuse."""
    columns = [
        boxes.centers,
        boxes.sizes_wlh,
        boxes.rotations.reshape(-1, 9),
        boxes.scores[:, None],
    ]
    finite = np.isfinite(np.concatenate(columns, axis=1)).all(axis=1)
    if not finite.all():
        print_log(
            f"{(~finite).sum()} of {len(finite)} boxes of sample {key[0]}, {key[1]} are not finite "
            "and were dropped",
            "current",
            logging.WARNING,
        )
    return boxes.select(finite)
