"""2D detections for a BOP split: the BOP challenge's COCO-style JSON."""

import json
from pathlib import Path
from typing import NamedTuple


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
        ValueError: naming the entry that lacks a field.
    """
    entries = json.loads(Path(path).read_text())
    if not isinstance(entries, list):
        raise ValueError(f"{path}: expected a list of detections, got {type(entries).__name__}")
    detections: dict[tuple[int | None, int], list[Detection]] = {}
    for index, entry in enumerate(entries):
        missing = {"image_id", "category_id", "bbox"} - entry.keys()
        if missing:
            raise ValueError(f"{path}: entry {index} lacks {', '.join(sorted(missing))}")
        scene_id = entry.get("scene_id")
        key = (None if scene_id is None else int(scene_id), int(entry["image_id"]))
        x, y, w, h = entry["bbox"]
        detections.setdefault(key, []).append(
            Detection(
                int(entry["category_id"]),
                (x, y, w, h),
                float(entry.get("score", 1.0)),
                float(entry.get("time", -1.0)),
            )
        )
    return {key: sorted(found, key=lambda d: -d.score) for key, found in detections.items()}
