"""2D detections for a BOP split: the BOP challenge's COCO-style JSON."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from .errors import BOPError, numbers, read_json, whole


class Detection(NamedTuple):
    """One detected box; ``box`` is x, y, w, h in pixels."""

    obj_id: int
    box: tuple[float, float, float, float]
    score: float
    time: float


def read_detections(path: Path) -> dict[tuple[int | None, int], list[Detection]]:
    """Read detections: (scene, image) -> boxes, best score first.

    Accepts the list of BOP detection results (``scene_id, image_id, category_id, bbox, score``) and
    plain COCO results, which have no ``scene_id``: their scene is None.

    Raises:
        BOPFileMissing: there is no such file.
        BOPError: naming the entry that lacks a field, or whose box has no extent.
    """
    detections: dict[tuple[int | None, int], list[Detection]] = {}
    for index, entry in enumerate(read_json(path, list)):
        try:
            key, detection = _parse(entry)
        except (TypeError, ValueError) as error:
            raise BOPError(f"{path}: entry {index} {error}") from None
        detections.setdefault(key, []).append(detection)
    return {key: sorted(found, key=lambda d: -d.score) for key, found in detections.items()}


def _parse(entry: object) -> tuple[tuple[int | None, int], Detection]:
    if not isinstance(entry, dict):
        raise ValueError(f"is {entry!r}, expected the fields of a detection")
    if missing := {"image_id", "category_id", "bbox"} - entry.keys():
        raise ValueError(f"lacks {', '.join(sorted(missing))}")
    scene_id = entry.get("scene_id")
    if scene_id is not None:
        whole(scene_id, "scene_id")
    x, y, w, h = numbers(entry["bbox"], 4, "bbox").tolist()
    if not (w > 0 and h > 0):
        raise ValueError(f"bbox is {entry['bbox']}: width and height have to be above zero")
    score, time = (
        float(np.squeeze(numbers(entry.get(name, default), 1, name)))
        for name, default in (("score", 1.0), ("time", -1.0))
    )
    key = scene_id, whole(entry["image_id"], "image_id")
    return key, Detection(whole(entry["category_id"], "category_id"), (x, y, w, h), score, time)
