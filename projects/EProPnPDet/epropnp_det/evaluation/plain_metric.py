"""Metric for data sets that have none of their own."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmdet3d.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from epropnp_data.custom import read_custom
from epropnp_data.errors import DatasetError
from epropnp_data.geometry.boxes import yaw_to_rotation
from epropnp_data.vocabulary import Vocabulary
from epropnp_data.whole_file import write_text
from epropnp_mm.skipping import is_stand_in

from ..datasets.annotation_filter import AnnotationFilter
from ..datasets.custom_annotations import ground_of
from .camera_boxes import to_camera_boxes
from .plain_boxes import PlainBoxes, found_boxes, true_boxes
from .plain_scores import Pair, Thresholds, format_scores, score

DETECTIONS_NAME, SCORES_NAME = "detections.json", "scores.json"


@METRICS.register_module()
class Mono3DMetric(BaseMetric):
    """Precision by distance and by overlap, errors, calibration, against a plain file.

    Works image by image, for any classes (``docs/custom_data.md``). Takes the predictions of any
    detector with camera boxes. Calibration needs ``pose_cov`` (``test_cfg.with_pose_cov``).

    Args:
        data_root: folder that file names of images are relative to.
        ann_file: the plain file of the tested split.
        distances: metres between centres on the ground, a precision for each.
        overlaps: intersections over union, a precision for each.
        match_distance: metres up to which errors are measured.
        counted: keyword arguments of ``AnnotationFilter``: objects that do not pass are neither
            asked for nor held against a detection. All count by default.
        format_only: write the detections, do not score them.
        out_dir: folder of ``detections.json`` and ``scores.json``, if they are to be written.

    Raises:
        ValueError: ``format_only`` without ``out_dir``.
        DatasetError: the file is missing or wrong.
    """

    default_prefix = "Mono3D"
    result_types = (PlainBoxes,)

    def __init__(
        self,
        data_root: str,
        ann_file: str,
        distances: Sequence[float] = (0.5, 1.0, 2.0, 4.0),
        overlaps: Sequence[float] = (0.25, 0.5),
        match_distance: float = 2.0,
        counted: dict | None = None,
        format_only: bool = False,
        out_dir: str | None = None,
    ):
        super().__init__(collect_device="cpu")
        if format_only and out_dir is None:
            raise ValueError("Mono3DMetric: format_only needs out_dir to write into")
        self.thresholds = Thresholds(tuple(distances), tuple(overlaps), match_distance)
        everything = dict(min_visibility=0, max_truncation=1.0, min_size=0)
        self.counted = AnnotationFilter(**(everything if counted is None else counted))
        self.format_only, self.out_dir = format_only, out_dir
        self.ann_file, self.custom = ann_file, read_custom(ann_file)
        self.images = {
            str(Path(data_root) / image.file_name): image for image in self.custom.images
        }

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep the detections of a batch."""
        names = Vocabulary.of(self.dataset_meta)
        limits = self._limits(names.classes)
        for sample in data_samples:
            if is_stand_in(sample):
                continue
            path = str(Path(str(sample.get("img_path", ""))))
            if path not in self.images:
                raise DatasetError(
                    f"{self.ann_file}: has no image {path!r}. The evaluator needs data_root and "
                    "ann_file of the tested data set, and img_path in the meta keys"
                )
            predictions = sample["pred_instances_3d"]
            covariances = predictions.get("pose_cov", None)
            if covariances is not None:
                covariances = covariances.detach().cpu().double().numpy()
            found = found_boxes(to_camera_boxes(predictions, names), covariances)
            found = found.select(found.distances <= limits[found.labels])
            self.results.append((path, found.select(np.argsort(-found.scores, kind="stable"))))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Write the detections and score them."""
        # padding of a distributed sampler repeats images; mmengine hands on plain tuples
        found = {path: PlainBoxes(*boxes) for path, boxes in results}
        if missing := len(self.images) - len(found):
            print_log(
                f"{missing} of {len(self.images)} images were not tested; they count as images "
                "without detections",
                "current",
                logging.WARNING,
            )
        names = Vocabulary.of(self.dataset_meta)
        if self.out_dir is not None:
            records = {path: self._records(path, boxes, names) for path, boxes in found.items()}
            _write(Path(self.out_dir) / DETECTIONS_NAME, records)
        if self.format_only:
            return {}
        if not self.custom.is_annotated:
            raise DatasetError(
                f"{self.ann_file}: has no annotations to score against. Write the detections alone "
                "with --format-only"
            )
        pairs = [
            Pair(found.get(path, PlainBoxes.empty()), self._truth(path, names))
            for path in self.images
        ]
        scores = score(pairs, names.classes, self.thresholds)
        print_log("\n" + format_scores(scores, names.classes), "current")
        if self.out_dir is not None:
            _write(Path(self.out_dir) / SCORES_NAME, scores)
        return scores

    def _limits(self, classes: Sequence[str]) -> np.ndarray:
        """Metres up to which each class counts."""
        limits = {each.name: each.max_distance or np.inf for each in self.custom.categories}
        if unknown := [name for name in classes if name not in limits]:
            raise DatasetError(
                f"{self.ann_file}: has no category {unknown[0]!r}, which the tested data set has"
            )
        return np.array([limits[name] for name in classes])

    def _truth(self, path: str, names: Vocabulary) -> PlainBoxes:
        """True boxes with the labels of the tested data set; other classes are left out."""
        own = self.custom.vocabulary
        boxes = true_boxes(self.images[path], own, self.counted, self._limits(own.classes))
        labels = [names.classes.index(n) if n in names.classes else -1 for n in own.classes]
        boxes = boxes._replace(labels=np.array(labels)[boxes.labels])
        return boxes.select(boxes.labels >= 0)

    def _records(self, path: str, boxes: PlainBoxes, names: Vocabulary) -> list[dict]:
        ground = ground_of(self.images[path])
        to_camera = np.eye(3) if ground is None else ground.T
        return [
            {
                "category": names.classes[boxes.labels[i]],
                "score": float(boxes.scores[i]),
                "center_cam": (to_camera @ boxes.centers[i]).tolist(),
                "size_lhw": boxes.dims[i].tolist(),
                "yaw": float(boxes.yaws[i]),
                "R_cam": (to_camera @ yaw_to_rotation(boxes.yaws[i])).tolist(),
                "velocity": _known(boxes.velocities[i]),
                "attribute": names.attribute_name(boxes.attributes[i]),
            }
            for i in range(len(boxes.labels))
        ]


def _known(velocity: np.ndarray) -> list[float] | None:
    return velocity.tolist() if np.isfinite(velocity).all() else None


def _write(path: Path, content: dict) -> None:
    """Write JSON, complete or not at all; what cannot be measured is null."""
    if path.name == SCORES_NAME:
        content = {name: value if np.isfinite(value) else None for name, value in content.items()}
    write_text(path, json.dumps(content, allow_nan=False, indent=1))
    print_log(f"wrote {path}", "current")
