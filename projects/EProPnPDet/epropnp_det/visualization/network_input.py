"""What the network gets in training, after augmentation: the image with its targets."""

from collections.abc import Sequence

import cv2
import numpy as np
from mmdet3d.structures import Det3DDataSample
from mmengine.structures import InstanceData

from epropnp_data.geometry.boxes import yaw_to_rotation
from epropnp_results import TruthBox
from epropnp_results.pictures.boxes import draw_box
from epropnp_results.pictures.palette import CHOSEN, FOUND, TRUTH, Color, viridis, write
from epropnp_results.pictures.picture import suited

FAR = 60.0  # metres of depth at the end of the colours
LEAST_WIDTH = 20  # pixels; narrower boxes get no class


def draw_sample(image: np.ndarray, sample: Det3DDataSample, classes: Sequence[str]) -> np.ndarray:
    """Network input with its targets: 3D boxes (blue), 2D boxes and class (yellow), lidar by depth.

    Small images are enlarged, see `suited`.

    Args:
        image: (h, w, 3) BGR, uint8; mirrored images stay mirrored.
        sample: packed by `PackMonoInputs`.
        classes: names of the labels.

    Raises:
        ValueError: the sample does not say how its image came about.
    """
    if "img_transform" not in sample:
        raise ValueError("the pipeline packs no img_transform to draw by")
    canvas = suited(image).copy()
    zoom = canvas.shape[1] / image.shape[1]
    if "lidar_uvz" in sample:
        draw_lidar(canvas, sample, zoom)
    instances = sample.gt_instances_3d
    draw_boxes(canvas, sample, instances, TRUTH, zoom)
    for index in range(len(instances.get("labels_3d", ()))):
        x1, y1, x2, y2 = (round(zoom * float(v)) for v in instances.bboxes[index])
        cv2.rectangle(canvas, (x1, y1), (x2, y2), CHOSEN, 1)
        if x2 - x1 >= LEAST_WIDTH:
            write(canvas, classes[int(instances.labels_3d[index])], (x1, y1 - 2), CHOSEN, 8)
    return canvas


def draw_predictions(
    canvas: np.ndarray, sample: Det3DDataSample, score_thr: float, zoom: float
) -> None:
    """Draw what was predicted for a network input, enlarged by ``zoom``, over it (orange)."""
    found = sample.pred_instances_3d
    draw_boxes(canvas, sample, found[found.scores_3d >= score_thr], FOUND, zoom)


def draw_boxes(
    canvas: np.ndarray,
    sample: Det3DDataSample,
    instances: InstanceData,
    color: Color,
    zoom: float,
) -> None:
    """Draw 3D boxes of the unmirrored camera frame into an enlarged network input."""
    matrix = (
        np.diag([zoom, zoom, 1.0])
        @ sample.img_transform
        @ np.asarray(sample.cam_intrinsic, dtype=float)
    )
    if "bboxes_3d" not in instances:
        return
    rows = instances.bboxes_3d.tensor.cpu().double().numpy()
    places = instances.bboxes_3d.gravity_center.cpu().double().numpy()
    for row, place in zip(rows, places, strict=True):
        box = TruthBox("", place.tolist(), yaw_to_rotation(row[6]).tolist(), row[3:6].tolist())
        draw_box(canvas, box, matrix, color, 1, fill=True)


def draw_lidar(canvas: np.ndarray, sample: Det3DDataSample, zoom: float) -> None:
    """Points in an enlarged network input, single pixels, near ones yellow."""
    height, width = canvas.shape[:2]
    u, v, depth = np.asarray(sample.lidar_uvz, dtype=float).T
    pixels = np.stack([u, v, np.ones_like(u)], 1) @ sample.img_transform.T
    columns, rows = np.floor(zoom * pixels[:, :2]).astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
    canvas[rows[inside], columns[inside]] = viridis(1 - depth / FAR)[inside]
