"""KITTI's official scores, by mmdet3d's implementation, against KITTI's own label files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmdet3d.evaluation import kitti_eval
from mmdet3d.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from epropnp_data.errors import DatasetError
from epropnp_data.kitti import KittiLabel, read_calibration, read_labels, write_labels
from epropnp_data.vocabulary import Vocabulary
from epropnp_mm.skipping import is_stand_in

from .camera_boxes import to_camera_boxes
from .kitti_overlap import without_cuda

SCORED = ("Car", "Pedestrian", "Cyclist")
RESULTS = "kitti_results/data"  # what the benchmark's server takes, below out_dir


@METRICS.register_module()
class KittiMonoMetric(BaseMetric):
    """Average precision of KITTI for boxes in the image, from above and in space.

    Images lie in KITTI's folders; labels and calibration are found beside them. Classes of the data
    set that the benchmark does not score are left out. Images that were not tested do not count.

    Args:
        data_root: folder with ``training`` and ``testing``.
        format_only: write the results files and stop; always so for images of ``testing``.
        out_dir: folder of the results files, if they are to be written.

    Raises:
        ValueError: ``format_only`` without ``out_dir``.
    """

    default_prefix = "Kitti"
    result_types = (KittiLabel,)

    def __init__(self, data_root: str, format_only: bool = False, out_dir: str | None = None):
        super().__init__(collect_device="cpu")
        if format_only and out_dir is None:
            raise ValueError("KittiMonoMetric: format_only needs out_dir to write into")
        self.data_root = Path(data_root)
        self.format_only, self.out_dir = format_only, out_dir

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Turn the detections of a batch into lines of results files."""
        names = Vocabulary.of(self.dataset_meta)
        if not set(names.classes) & set(SCORED):
            raise DatasetError(
                f"KittiMonoMetric: the data set has the classes {names.classes}, the benchmark "
                f"scores {SCORED}"
            )
        for sample in data_samples:
            if is_stand_in(sample):
                continue
            path = Path(sample["img_path"])
            folder = path.parents[1]
            if path.parent.name != "image_2" or folder.parent != self.data_root:
                raise DatasetError(
                    f"{path}: is not in {self.data_root}/training/image_2 (or testing/image_2). "
                    "KittiMonoMetric needs KITTI's layout and the data_root of the data set"
                )
            calibration = read_calibration(folder / "calib" / f"{path.stem}.txt")
            labels = to_labels(sample["pred_instances_3d"], names, calibration.offset)
            self.results.append((folder.name, path.stem, labels))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Write the results files and score them."""
        found = {  # mmengine hands on plain tuples
            (folder, name): [KittiLabel(*each) for each in labels]
            for folder, name, labels in results
        }
        if self.out_dir is not None:
            target = Path(self.out_dir) / RESULTS
            target.mkdir(parents=True, exist_ok=True)
            for (_, name), labels in found.items():
                write_labels(target / f"{name}.txt", labels)
            print_log(f"KITTI's results files are in {target}", "current")
        if self.format_only or any(folder == "testing" for folder, _ in found):
            return {}
        truth = [
            annotation(read_labels(self.data_root / folder / "label_2" / f"{name}.txt"))
            for folder, name in found
        ]
        classes = [name for name in self.dataset_meta["classes"] if name in SCORED]
        with without_cuda():
            text, scores = kitti_eval(
                truth,
                [annotation(labels) for labels in found.values()],
                classes,
                eval_types=["bbox", "bev", "3d"],
            )
        print_log("\n" + text, "current")
        return {name.removeprefix("KITTI/"): float(value) for name, value in scores.items()}


def to_labels(predictions, names: Vocabulary, offset: np.ndarray) -> list[KittiLabel]:
    """Detections of one image as lines of a results file.

    Args:
        predictions: boxes in the camera of the images, and ``bboxes`` (N, 4) in its pixels.
        names: of the data set.
        offset: (3,) from the reference camera to that of the images.
    """
    boxes = to_camera_boxes(predictions, names)
    bboxes = predictions["bboxes"].detach().cpu().double().numpy()
    labels = []
    for index, label in enumerate(boxes.labels):
        if names.classes[label] not in SCORED:
            continue
        length, height, width = boxes.dims[index].tolist()
        x, y, z = boxes.centers[index] + [0, 0.5 * height, 0] - offset
        yaw = _wrap(boxes.yaws[index])
        labels.append(
            KittiLabel(
                kind=names.classes[label],
                truncated=-1,
                occluded=-1,
                alpha=_wrap(yaw - np.arctan2(x, z)),
                bbox=tuple(bboxes[index].tolist()),
                size_hwl=(height, width, length),
                location=(float(x), float(y), float(z)),
                rotation_y=yaw,
                score=float(boxes.scores[index]),
            )
        )
    return labels


def annotation(labels: Sequence[KittiLabel]) -> dict[str, np.ndarray]:
    """Labels in the columns that mmdet3d's evaluation takes.

    It looks at the first label of an image, so an empty one gets a region without any area.
    """
    if not labels:
        labels = [KittiLabel.region("DontCare", (0.0,) * 4)._replace(score=0.0)]
    return dict(
        name=np.array([each.kind for each in labels]),
        truncated=np.array([each.truncated for each in labels], dtype=float),
        occluded=np.array([each.occluded for each in labels]),
        alpha=np.array([each.alpha for each in labels], dtype=float),
        bbox=np.array([each.bbox for each in labels], dtype=float),
        dimensions=np.array([each.size_hwl for each in labels], dtype=float)[:, [2, 0, 1]],
        location=np.array([each.location for each in labels], dtype=float),
        rotation_y=np.array([each.rotation_y for each in labels], dtype=float),
        score=np.array([each.score or 0.0 for each in labels], dtype=float),
    )


def _wrap(angle: float) -> float:
    return float((angle + np.pi) % (2 * np.pi) - np.pi)
