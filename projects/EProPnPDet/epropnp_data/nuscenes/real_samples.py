"""Real nuScenes keyframes, given with their ground truth in one JSON file, as a data root.

Two properties of the tables shape what is written:

* The tables hold no velocities: the devkit derives them from consecutive annotations. So every
  keyframe is written twice, ``TWIN_DELAY`` apart, with the same files and with boxes moved by
  their velocity; boxes of unknown velocity get no successor, which the devkit reads as unknown.
* Training and evaluation need scenes of different splits. So the i-th keyframe becomes a scene of
  mini_train and, again, a scene of mini_val. Scores on the latter measure how well a model
  memorised the former, nothing else.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ..errors import SampleError
from ..geometry.poses import Pose
from ..images.reading import read_image
from ..staging import is_finished, staged
from .records import BoxAnnotation, Keyframe, Log, Reading, Scene, SensorCalibration
from .splits import MINI_TRAIN, MINI_VAL
from .tables import write_tables
from .taxonomy import CAMERAS, CATEGORY_OF_CLASS, LIDAR

VERSION = "v1.0-mini"
TWIN_DELAY = 2_000  # microseconds; at 15 m/s a box moves by three centimetres
UNMAPPED_CATEGORY = "movable_object.debris"  # stands for categories outside the ten classes
MAP_FILE = "maps/empty.png"


def write_real_samples(ground_truth: Path, out: Path) -> bool:
    """Write tables, images and sweeps; return False when ``out`` was already complete.

    Args:
        ground_truth: JSON file; the files it names lie beside it.
        out: data root to make.

    Raises:
        FileNotFoundError: the JSON file or a file it names is missing.
        ValueError: it holds more keyframes than mini_val has scenes, lacks a camera, or names a
            file outside its own folder; or it is damaged.
        FileExistsError: ``out`` holds something else.
    """
    if not ground_truth.is_file():
        raise FileNotFoundError(f"no ground truth file {ground_truth}")
    try:
        return _write(ground_truth, out)
    except (AttributeError, KeyError, IndexError, TypeError, OverflowError) as error:
        text = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{ground_truth}: {text}") from None


def _write(ground_truth: Path, out: Path) -> bool:
    try:
        text = ground_truth.read_text()
        samples = json.loads(text)["samples"]
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{ground_truth}: not a JSON file ({error})") from None
    if len(samples) > len(MINI_VAL):
        raise ValueError(f"{ground_truth}: {len(samples)} samples, {VERSION} takes {len(MINI_VAL)}")
    content = hashlib.sha256(text.encode()).hexdigest()
    settings = {"version": VERSION, "samples": sorted(samples), "ground_truth": content}
    if is_finished(out, settings):
        return False
    with staged(out, settings) as root:
        scenes = []
        for i, (token, sample) in enumerate(sorted(samples.items())):
            _check_cameras(ground_truth, token, sample)
            files = _copy_files(ground_truth.parent, root, token, sample)
            sizes = {channel: _image_size(root / files[channel]) for channel in CAMERAS}
            recorded = _Recording(sample, files, sizes)
            scenes.append(_scene(MINI_TRAIN[i], recorded, token))
            scenes.append(_scene(MINI_VAL[i], recorded, ""))
        (root / MAP_FILE).parent.mkdir()
        cv2.imwrite(str(root / MAP_FILE), np.zeros((100, 100), np.uint8))
        write_tables(root, VERSION, scenes)
    return True


class _Recording(NamedTuple):
    """One keyframe: its ground truth, its files and (width, height) of its images by channel."""

    sample: Mapping
    files: Mapping[str, str]
    sizes: Mapping[str, tuple[int, int]]


def _image_size(path: Path) -> tuple[int, int]:
    try:
        image = read_image(path, cv2.IMREAD_GRAYSCALE)
    except SampleError as error:
        raise ValueError(str(error)) from None
    return image.shape[1], image.shape[0]


def _check_cameras(ground_truth: Path, token: str, sample: Mapping) -> None:
    if missing := set(CAMERAS) - set(sample["cams"]):
        raise ValueError(f"{ground_truth}: sample {token} has no {sorted(missing)}")
    if unknown := set(sample["cams"]) - set(CAMERAS):
        raise ValueError(f"{ground_truth}: sample {token} has unknown cameras {sorted(unknown)}")


def _inside(folder: Path, name: str) -> Path:
    """A file or folder that the ground truth names.

    Raises:
        ValueError: it lies elsewhere.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(f"{name!r} leads out of {folder}; files have to lie in that folder")
    return path


def _copy_files(source: Path, root: Path, token: str, sample: Mapping) -> dict[str, str]:
    """Copy the files of one keyframe; return their paths in the data root by channel.

    A keyframe without a lidar sweep gets an empty one: converters insist on a file.
    """
    files = {}
    for channel, camera in sample["cams"].items():
        files[channel] = f"samples/{channel}/{camera['file']}"
        image, target = _inside(source, camera["path"]), root / files[channel]
        _inside(root / "samples" / channel, camera["file"])
        target.parent.mkdir(parents=True, exist_ok=True)
        if not image.is_file():
            raise FileNotFoundError(f"image {image} of sample {token} is missing")
        shutil.copyfile(image, target)
    sweep = next(iter(sorted(_inside(source, sample["dir"]).glob("*.pcd.bin"))), None)
    name = sweep.name if sweep else f"{token}__{LIDAR}__empty.pcd.bin"
    files[LIDAR] = f"samples/{LIDAR}/{name}"
    target = root / files[LIDAR]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(sweep.read_bytes() if sweep else b"")
    return files


def _scene(name: str, recording: _Recording, token: str) -> Scene:
    """Scene of one keyframe and its twin; ``token`` is empty to derive new tokens."""
    sample = recording.sample
    calibrations = [
        SensorCalibration(
            channel,
            _pose(camera["cam2ego_rotation"], camera["cam2ego_translation"]),
            tuple(tuple(map(float, row)) for row in camera["K"]),
        )
        for channel, camera in sample["cams"].items()
    ]
    lidar = _pose(sample["lidar2ego_rotation"], sample["lidar2ego_translation"])
    calibrations.append(SensorCalibration(LIDAR, lidar))
    frames = (
        Keyframe(_stamp(sample), _readings(recording, 0, token), _boxes(sample, 0), token),
        Keyframe(_stamp(sample) + TWIN_DELAY, _readings(recording, TWIN_DELAY, ""),
                 _boxes(sample, TWIN_DELAY)),
    )  # fmt: skip
    log = Log(f"real-{name}", "nuScenes", "2018-07-24", "unknown", MAP_FILE)
    return Scene(name, "One real keyframe, written twice", log, tuple(calibrations), frames)


def _readings(recording: _Recording, delay: int, token: str) -> tuple[Reading, ...]:
    sample, files, sizes = recording
    readings = [
        Reading(
            channel,
            files[channel],
            _stamp(camera) + delay,
            _pose(camera["ego2global_rotation"], camera["ego2global_translation"]),
            sizes[channel],
            camera["sample_data_token"] if token else "",
        )
        for channel, camera in sample["cams"].items()
    ]
    ego = _pose(sample["ego_rotation"], sample["ego_translation"])
    readings.append(Reading(LIDAR, files[LIDAR], _stamp(sample) + delay, ego))
    return tuple(readings)


def _boxes(sample: Mapping, delay: int) -> tuple[BoxAnnotation, ...]:
    """Boxes ``delay`` microseconds after the keyframe."""
    boxes = []
    for i, box in enumerate(sample["boxes"]):
        velocity = box["velocity"]
        instance = f"box-{i:03d}" if velocity is not None else f"box-{i:03d}-{delay}"
        width, length, height = box["size"]
        x, y, z = box["translation"]
        vx, vy = velocity or (0.0, 0.0)
        moved = (x + 1e-6 * delay * vx, y + 1e-6 * delay * vy, z)
        boxes.append(
            BoxAnnotation(
                instance=instance,
                category=CATEGORY_OF_CLASS.get(box["name"], UNMAPPED_CATEGORY),
                box_to_global=_pose(box["rotation"], moved),
                size_lwh=(length, width, height),
                attributes=(box["attribute"],) if box["attribute"] else (),
                num_lidar_pts=box["num_lidar_pts"],
                num_radar_pts=box["num_radar_pts"],
            )
        )
    return tuple(boxes)


def _pose(rotation: list[float], translation: list[float]) -> Pose:
    return Pose(tuple(map(float, rotation)), tuple(map(float, translation)))


def _stamp(record: Mapping) -> int:
    """Time stamp in microseconds; the file has both microseconds and seconds."""
    stamp = record["timestamp"]
    return stamp if isinstance(stamp, int) else round(1e6 * stamp)
