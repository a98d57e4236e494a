"""Cameras, boxes and points of one moment in a common frame.

The frame is that of the vehicle where it is known (x forward, y left, z up), else that of the
camera (x right, y down, z forward).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..pictures.palette import FOUND, TRUTH, viridis
from ..records import ImageResult, ObjectResult, TruthBox, corners
from ..store import ResultsError, ResultsFolder

EDGES = np.array(
    [(0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (2, 3), (2, 6), (3, 7), (4, 5), (4, 6), (5, 7), (6, 7)]
)


class SceneCamera(NamedTuple):
    """A camera: name, 4x4 camera to scene, 3x3 intrinsics, width and height, image file."""

    name: str
    to_scene: np.ndarray
    intrinsics: np.ndarray
    size: tuple[int, int]
    image: Path


class SceneBox(NamedTuple):
    """A box: whether it was found or is true, label, (12, 2, 3) ends of its edges, RGB colour."""

    found: bool
    label: str
    edges: np.ndarray
    color: tuple[int, int, int]


class Points(NamedTuple):
    """Coloured points: (n, 3) places, (n, 3) uint8 RGB."""

    places: np.ndarray
    colors: np.ndarray


class Moment(NamedTuple):
    """What was seen at one moment.

    Attributes:
        name: of the group or image.
        up: axis that points up, "z" or "-y".
        cameras: of the moment.
        boxes: true and found ones.
        samples: of the position densities, found objects' colour.
        points: correspondences, placed by the poses found, coloured by weight.
    """

    name: str
    up: str
    cameras: list[SceneCamera]
    boxes: list[SceneBox]
    samples: Points
    points: Points


def read_moments(results: ResultsFolder, min_score: float = 0.2) -> Iterator[Moment]:
    """Moments of a results folder, in the order of its records.

    Args:
        results: the folder.
        min_score: weaker objects are left out.

    Raises:
        ResultsError: the folder holds no image, or one lies where it must not.
    """
    groups: dict[str, list[ImageResult]] = {}
    for record in results:
        groups.setdefault(record.group or record.name, []).append(record)
    if not groups:
        raise ResultsError(f"{results.path}: holds no image")
    for name, records in groups.items():
        yield _moment(results, name, records, min_score)


def _moment(
    results: ResultsFolder, name: str, records: list[ImageResult], min_score: float
) -> Moment:
    cameras, boxes, samples, points = [], [], [], []
    for record in records:
        to_scene = np.eye(4) if record.camera_to_ego is None else np.array(record.camera_to_ego)
        cameras.append(
            SceneCamera(
                record.camera or "camera",
                to_scene,
                np.array(record.intrinsics),
                (record.width, record.height),
                results.image_path(record),
            )
        )
        boxes += [_box(box, False, box.label, to_scene) for box in record.truth or []]
        arrays = results.arrays(record.name)
        for index, item in enumerate(record.objects):
            if item.score < min_score:
                continue
            boxes.append(_box(item, True, f"{item.label} {item.score:.2f}", to_scene))
            if "poses" in arrays:
                samples.append(_move(to_scene, arrays["poses"][index][:, :3]))
            if "points_object" in arrays:
                points.append(_points(item, arrays, index, to_scene))
    places = np.concatenate(samples) if samples else np.zeros((0, 3))
    return Moment(
        name,
        "-y" if records[0].camera_to_ego is None else "z",
        cameras,
        boxes,
        Points(places, np.tile(np.uint8(FOUND[::-1]), (len(places), 1))),
        Points(*(np.concatenate(parts) for parts in zip(*points, strict=True)))
        if points
        else Points(np.zeros((0, 3)), np.zeros((0, 3), np.uint8)),
    )


def _box(box: ObjectResult | TruthBox, found: bool, label: str, to_scene: np.ndarray) -> SceneBox:
    color = FOUND if found else TRUTH
    return SceneBox(found, label, _move(to_scene, corners(box))[EDGES], color[::-1])


def _points(
    item: ObjectResult, arrays: dict[str, np.ndarray], index: int, to_scene: np.ndarray
) -> Points:
    local = arrays["points_object"][index].astype(float)
    camera = local @ np.array(item.rotation).T + np.array(item.translation)
    weights = np.linalg.norm(arrays["weights"][index].astype(float), axis=-1)
    colors = viridis(np.sqrt(weights / max(float(weights.max()), 1e-12)))
    return Points(_move(to_scene, camera), colors[:, ::-1])


def _move(motion: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points.astype(float) @ motion[:3, :3].T + motion[:3, 3]
