"""Writer of the thirteen nuScenes v1.0 tables, for rendered and for real scenes alike."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from .records import BoxAnnotation, Keyframe, Log, Reading, Scene
from .taxonomy import ATTRIBUTES, CATEGORIES, NO_ATTRIBUTE, VISIBILITY_LEVELS

Record = dict[str, object]
Tables = dict[str, list[Record]]

TABLE_ATTRIBUTES = ATTRIBUTES[:NO_ATTRIBUTE]

TABLE_NAMES = (
    "category",
    "attribute",
    "visibility",
    "instance",
    "sensor",
    "calibrated_sensor",
    "ego_pose",
    "log",
    "scene",
    "sample",
    "sample_data",
    "sample_annotation",
    "map",
)


def token_of(*key: object) -> str:
    """32 hexadecimal digits that depend on the key alone."""
    return hashlib.md5("\x1f".join(map(str, key)).encode(), usedforsecurity=False).hexdigest()


def build_tables(version: str, scenes: Sequence[Scene]) -> Tables:
    """Records of all tables.

    Args:
        version: data set version; enters the derived tokens.
        scenes: scenes with distinct names.

    Raises:
        ValueError: a category, an attribute or a channel is not known, or a name occurs twice.
    """
    names = [scene.name for scene in scenes]
    if len(set(names)) != len(names):
        raise ValueError(f"scene names occur twice: {sorted(names)}")
    tables: Tables = {name: [] for name in TABLE_NAMES}
    _add_taxonomy(tables)
    _add_logs_and_maps(tables, version, [scene.log for scene in scenes])
    _add_sensors(tables, scenes)
    for scene in scenes:
        _add_scene(tables, version, scene)
    return tables


def write_tables(root: Path, version: str, scenes: Sequence[Scene]) -> Path:
    """Write the tables to ``root/version`` and return that folder."""
    folder = Path(root) / version
    folder.mkdir(parents=True, exist_ok=True)
    for name, records in build_tables(version, scenes).items():
        (folder / f"{name}.json").write_text(json.dumps(records, indent=0))
    return folder


def _add_taxonomy(tables: Tables) -> None:
    for index, name in enumerate(CATEGORIES):
        token = token_of("category", name)
        tables["category"].append(
            {"token": token, "name": name, "description": name, "index": index}
        )
    for name in TABLE_ATTRIBUTES:
        token = token_of("attribute", name)
        tables["attribute"].append({"token": token, "name": name, "description": name})
    for level, name in VISIBILITY_LEVELS.items():
        text = f"visibility of whole object is between {name[1:].replace('-', ' and ')}%"
        tables["visibility"].append({"token": str(level), "level": name, "description": text})


def _add_logs_and_maps(tables: Tables, version: str, logs: Sequence[Log]) -> None:
    tokens_of_map: dict[str, list[str]] = defaultdict(list)
    for log in dict.fromkeys(logs):
        token = token_of(version, "log", log.name)
        tokens_of_map[log.map_file].append(token)
        tables["log"].append(
            {
                "token": token,
                "logfile": log.name,
                "vehicle": log.vehicle,
                "date_captured": log.date,
                "location": log.location,
            }
        )
    for map_file, log_tokens in tokens_of_map.items():
        tables["map"].append(
            {
                "token": token_of(version, "map", map_file),
                "log_tokens": log_tokens,
                "category": "semantic_prior",
                "filename": map_file,
            }
        )


def _add_sensors(tables: Tables, scenes: Sequence[Scene]) -> None:
    modality = {c.channel: c.modality for scene in scenes for c in scene.calibrations}
    for channel in sorted(modality):
        tables["sensor"].append(
            {
                "token": token_of("sensor", channel),
                "channel": channel,
                "modality": modality[channel],
            }
        )


def _add_scene(tables: Tables, version: str, scene: Scene) -> None:
    scene_token = token_of(version, "scene", scene.name)
    sample_tokens = [
        frame.token or token_of(scene_token, "sample", frame.timestamp) for frame in scene.keyframes
    ]
    tables["scene"].append(
        {
            "token": scene_token,
            "log_token": token_of(version, "log", scene.log.name),
            "nbr_samples": len(scene.keyframes),
            "first_sample_token": sample_tokens[0],
            "last_sample_token": sample_tokens[-1],
            "name": scene.name,
            "description": scene.description,
        }
    )
    for calibration in scene.calibrations:
        tables["calibrated_sensor"].append(
            {
                "token": token_of(scene_token, "calibrated_sensor", calibration.channel),
                "sensor_token": token_of("sensor", calibration.channel),
                "translation": list(calibration.sensor_to_ego.translation),
                "rotation": list(calibration.sensor_to_ego.rotation),
                "camera_intrinsic": [list(row) for row in calibration.intrinsic],
            }
        )
    for frame, sample in zip(
        scene.keyframes, _linked(tables, "sample", sample_tokens), strict=True
    ):
        sample.update(timestamp=frame.timestamp, scene_token=scene_token)
    _add_readings(tables, scene, scene_token, sample_tokens)
    _add_boxes(tables, scene, scene_token, sample_tokens)


def _linked(tables: Tables, table: str, tokens: Sequence[str]) -> list[Record]:
    """Append records chained by ``prev`` and ``next``, and return them to be filled."""
    ends = ["", *tokens, ""]
    records: list[Record] = [
        {"token": token, "prev": ends[i], "next": ends[i + 2]} for i, token in enumerate(tokens)
    ]
    tables[table].extend(records)
    return records


def _add_readings(
    tables: Tables, scene: Scene, scene_token: str, sample_tokens: Sequence[str]
) -> None:
    chains: dict[str, list[tuple[str, Reading]]] = defaultdict(list)
    for sample_token, frame in zip(sample_tokens, scene.keyframes, strict=True):
        for reading in frame.readings:
            chains[reading.channel].append((sample_token, reading))
    known = {calibration.channel for calibration in scene.calibrations}
    if unknown := set(chains) - known:
        raise ValueError(f"{scene.name}: readings of sensors without calibration: {unknown}")
    for channel, chain in chains.items():
        tokens = [r.token or token_of(s, "sample_data", channel) for s, r in chain]
        records = _linked(tables, "sample_data", tokens)
        for (sample_token, reading), record in zip(chain, records, strict=True):
            pose_token = token_of(record["token"], "ego_pose")
            tables["ego_pose"].append(
                {
                    "token": pose_token,
                    "timestamp": reading.timestamp,
                    "rotation": list(reading.ego_to_global.rotation),
                    "translation": list(reading.ego_to_global.translation),
                }
            )
            record.update(
                sample_token=sample_token,
                ego_pose_token=pose_token,
                calibrated_sensor_token=token_of(scene_token, "calibrated_sensor", channel),
                timestamp=reading.timestamp,
                fileformat="jpg" if reading.filename.endswith(".jpg") else "pcd",
                is_key_frame=True,
                width=reading.size[0],
                height=reading.size[1],
                filename=reading.filename,
            )


def _add_boxes(
    tables: Tables, scene: Scene, scene_token: str, sample_tokens: Sequence[str]
) -> None:
    tracks: dict[str, list[tuple[str, BoxAnnotation]]] = defaultdict(list)
    for sample_token, frame in zip(sample_tokens, scene.keyframes, strict=True):
        for box in frame.boxes:
            _check_box(scene, frame, box)
            tracks[box.instance].append((sample_token, box))
    for instance, track in tracks.items():
        instance_token = token_of(scene_token, "instance", instance)
        tokens = [token_of(sample_token, "box", instance) for sample_token, _ in track]
        tables["instance"].append(
            {
                "token": instance_token,
                "category_token": token_of("category", track[0][1].category),
                "nbr_annotations": len(track),
                "first_annotation_token": tokens[0],
                "last_annotation_token": tokens[-1],
            }
        )
        records = _linked(tables, "sample_annotation", tokens)
        for (sample_token, box), record in zip(track, records, strict=True):
            length, width, height = box.size_lwh
            record.update(
                sample_token=sample_token,
                instance_token=instance_token,
                visibility_token="" if box.visibility is None else str(box.visibility),
                attribute_tokens=[token_of("attribute", name) for name in box.attributes],
                translation=list(box.box_to_global.translation),
                size=[width, length, height],
                rotation=list(box.box_to_global.rotation),
                num_lidar_pts=box.num_lidar_pts,
                num_radar_pts=box.num_radar_pts,
            )


def _check_box(scene: Scene, frame: Keyframe, box: BoxAnnotation) -> None:
    place = f"{scene.name}, keyframe {frame.timestamp}, box {box.instance}"
    if box.category not in CATEGORIES:
        raise ValueError(f"{place}: category {box.category!r} is not one of {CATEGORIES}")
    if unknown := set(box.attributes) - set(TABLE_ATTRIBUTES):
        raise ValueError(f"{place}: attributes {unknown} are not among {TABLE_ATTRIBUTES}")
    if len(box.attributes) > 1:
        raise ValueError(f"{place}: {len(box.attributes)} attributes, at most one is allowed")
