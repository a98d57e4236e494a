"""The nuScenes detection results file: writing it, and finding what the server would reject."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from epropnp_data.nuscenes.taxonomy import ATTRIBUTES, CLASSES, NO_ATTRIBUTE
from epropnp_data.whole_file import write_parts

from .boxes import GlobalBoxes

RESULTS_NAME = "results_nusc.json"
META_KEYS = ("use_camera", "use_lidar", "use_radar", "use_map", "use_external")


def submission_meta(use_external: bool = False) -> dict[str, bool]:
    """Declaration of what a camera-only detector used."""
    return {**dict.fromkeys(META_KEYS, False), "use_camera": True, "use_external": use_external}


def to_records(sample_token: str, boxes: GlobalBoxes) -> list[dict]:
    """Entries of one keyframe, in plain Python numbers."""
    rows = zip(
        boxes.centers.tolist(),
        boxes.sizes_wlh.tolist(),
        boxes.quaternions.tolist(),
        boxes.velocities.tolist(),
        boxes.labels.tolist(),
        boxes.scores.tolist(),
        boxes.attr_labels.tolist(),
        strict=True,
    )
    return [
        {
            "sample_token": sample_token,
            "translation": translation,
            "size": size,
            "rotation": rotation,
            "velocity": velocity,
            "detection_name": CLASSES[label],
            "detection_score": score,
            "attribute_name": "" if attr == NO_ATTRIBUTE else ATTRIBUTES[attr],
        }
        for translation, size, rotation, velocity, label, score, attr in rows
    ]


def from_records(records: list[dict]) -> GlobalBoxes:
    """Boxes of one keyframe of a results file."""
    if not records:
        return GlobalBoxes.empty()

    def column(name: str) -> np.ndarray:
        return np.array([record[name] for record in records], dtype=float)

    names = [record["attribute_name"] or "none" for record in records]
    return GlobalBoxes(
        centers=column("translation"),
        sizes_wlh=column("size"),
        rotations=Rotation.from_quat(np.roll(column("rotation"), -1, axis=1)).as_matrix(),
        velocities=column("velocity"),
        scores=column("detection_score"),
        labels=np.array([CLASSES.index(record["detection_name"]) for record in records]),
        attr_labels=np.array([ATTRIBUTES.index(name) for name in names]),
    )


def write_submission(
    path: Path, boxes: Mapping[str, GlobalBoxes], use_external: bool = False
) -> Path:
    """Write a results file; it appears complete or not at all.

    Args:
        path: file to write.
        boxes: sample token -> boxes; every keyframe of the split, empty ones included.
        use_external: data beyond nuScenes and image-level pre-training was used.
    """
    write_parts(path, _parts(boxes, use_external))
    return path


def _parts(boxes: Mapping[str, GlobalBoxes], use_external: bool) -> Iterator[str]:
    """The file, keyframe by keyframe: the records of trainval are gigabytes."""
    yield f'{{"meta": {json.dumps(submission_meta(use_external))}, "results": {{'
    for number, (token, item) in enumerate(boxes.items()):
        records = json.dumps(to_records(token, item), allow_nan=False)
        yield f"{', ' if number else ''}{json.dumps(token)}: {records}"
    yield "}}"
