"""BOP result files: one pose estimate per CSV line (millimetres in the file)."""

import csv
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from epropnp_data.geometry.rigid import RigidPose

from .models import MM

COLUMNS = ["scene_id", "im_id", "obj_id", "score", "R", "t", "time"]


class PoseEstimate(NamedTuple):
    """One line of a result file; translation in metres, time in seconds (-1 unknown)."""

    scene_id: int
    im_id: int
    obj_id: int
    score: float
    pose: RigidPose
    time: float = -1.0


def read_results(path: Path) -> list[PoseEstimate]:
    """Read a BOP result CSV.

    Raises:
        ValueError: naming file, line and field if something is not as the format says.
    """
    estimates = []
    with open(path, newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != COLUMNS:
            raise ValueError(f"{path}: columns are {reader.fieldnames}, expected {COLUMNS}")
        for row in reader:
            estimates.append(_parse_row(row, f"{path}:{reader.line_num}"))
    return estimates


def write_results(path: Path, estimates: list[PoseEstimate]) -> None:
    """Write a BOP result CSV with full precision, complete or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with open(partial, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for item in estimates:
            writer.writerow(
                [
                    item.scene_id,
                    item.im_id,
                    item.obj_id,
                    repr(float(item.score)),
                    _format(item.pose.rotation),
                    _format(item.pose.translation / MM),
                    repr(float(item.time)),
                ]
            )
    partial.replace(path)


def _format(values: np.ndarray) -> str:
    return " ".join(repr(float(value)) for value in np.asarray(values).ravel())


def _parse_row(row: dict[str, str], place: str) -> PoseEstimate:
    rotation = _parse_numbers(row["R"], 9, f"{place}: R").reshape(3, 3)
    translation = _parse_numbers(row["t"], 3, f"{place}: t") * MM
    try:
        ids = [int(row[name]) for name in COLUMNS[:3]]
        score, time = float(row["score"]), float(row["time"])
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    return PoseEstimate(*ids, score, RigidPose(rotation, translation), time)


def _parse_numbers(text: str, count: int, place: str) -> np.ndarray:
    try:
        values = np.array([float(word) for word in text.split()])
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    if values.size != count:
        raise ValueError(f"{place}: {values.size} numbers, expected {count}")
    return values
