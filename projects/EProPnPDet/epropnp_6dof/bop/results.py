"""BOP result files: one pose estimate per CSV line (millimetres in the file)."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from epropnp_data.geometry.rigid import RigidPose
from epropnp_data.whole_file import part_of

from .errors import BOPError, BOPFileMissing, numbers, rotation
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
        BOPFileMissing: there is no such file.
        BOPError: naming file, line and field if something is not as the format says.
    """
    try:
        with open(path, newline="") as file:
            return _read_rows(csv.DictReader(file), path)
    except FileNotFoundError:
        raise BOPFileMissing(f"{path}: no such result file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BOPError(f"{path}: not a CSV file ({error})") from None


def _read_rows(reader: csv.DictReader, path: Path) -> list[PoseEstimate]:
    if reader.fieldnames is None:
        raise BOPError(f"{path}: is empty, expected the columns {COLUMNS}")
    if reader.fieldnames != COLUMNS:
        raise BOPError(f"{path}: columns are {reader.fieldnames}, expected {COLUMNS}")
    estimates = []
    for row in reader:
        try:
            estimates.append(_parse_row(row))
        except ValueError as error:
            raise BOPError(f"{path}:{reader.line_num}: {error}") from None
    return estimates


def write_results(path: Path, estimates: list[PoseEstimate]) -> None:
    """Write a BOP result CSV with full precision, complete or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(path)
    with part.open("w", newline="") as file:
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
    part.replace(path)


def _format(values: np.ndarray) -> str:
    return " ".join(repr(float(value)) for value in np.asarray(values).ravel())


def _parse_row(row: dict[str, str]) -> PoseEstimate:
    if None in row or None in row.values():
        raise ValueError(f"a line needs {len(COLUMNS)} columns")
    turn = rotation(_words(row["R"], 9, "R"), "R")
    translation = numbers(_words(row["t"], 3, "t"), 3, "t") * MM
    ids = [int(row[name]) for name in COLUMNS[:3]]
    score, time = (float(numbers(float(row[name]), 1, name)[0]) for name in ("score", "time"))
    return PoseEstimate(*ids, score, RigidPose(turn, translation), time)


def _words(text: str, count: int, name: str) -> list[float]:
    try:
        values = [float(word) for word in text.split()]
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if len(values) != count:
        raise ValueError(f"{name}: {len(values)} numbers, expected {count}")
    return values
