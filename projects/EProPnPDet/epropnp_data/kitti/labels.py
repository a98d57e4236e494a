"""Label files: a line of fifteen values per object, sixteen with a score."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import DatasetError
from ..whole_file import write_text

NO_ANGLE, NO_PLACE = -10.0, -1000.0


class KittiLabel(NamedTuple):
    """An object.

    Attributes:
        kind: Car, Van, Truck, Pedestrian, Person_sitting, Cyclist, Tram, Misc or DontCare.
        truncated: share outside the image; -1 if unknown.
        occluded: 0 visible, 1 partly, 2 largely hidden, 3 or -1 unknown.
        alpha: heading relative to the line of sight, radians.
        bbox: x1, y1, x2, y2, pixels.
        size_hwl: height, width, length, metres.
        location: middle of the bottom, rectified frame of camera 0, metres.
        rotation_y: heading about the y axis, radians.
        score: of a detection; None for a label.
    """

    kind: str
    truncated: float
    occluded: int
    alpha: float
    bbox: tuple[float, ...]
    size_hwl: tuple[float, ...]
    location: tuple[float, ...]
    rotation_y: float
    score: float | None = None

    @classmethod
    def region(cls, kind: str, bbox: tuple[float, ...]) -> "KittiLabel":
        """A region of the image without a box in space."""
        return cls(kind, -1, -1, NO_ANGLE, bbox, (-1.0,) * 3, (NO_PLACE,) * 3, NO_ANGLE)


def read_labels(path: Path) -> list[KittiLabel]:
    """Objects of a label file.

    Raises:
        DatasetError: it is missing, or a line is none; the message names it.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: no such label file. Unpack KITTI's label_2 there")
    labels = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            values = [float(word) for word in words[1:]]
        except ValueError:
            values = []
        if len(values) not in (14, 15):
            raise DatasetError(
                f"{path}: line {number} is {line!r}, expected a name and 14 numbers (15 with a "
                "score)"
            )
        labels.append(
            KittiLabel(
                kind=words[0],
                truncated=values[0],
                occluded=int(values[1]),
                alpha=values[2],
                bbox=tuple(values[3:7]),
                size_hwl=tuple(values[7:10]),
                location=tuple(values[10:13]),
                rotation_y=values[13],
                score=values[14] if len(values) == 15 else None,
            )
        )
    return labels


def write_labels(path: Path, labels: Sequence[KittiLabel]) -> None:
    """Write a label or results file, complete or not at all."""
    lines = []
    for label in labels:
        numbers = (label.alpha, *label.bbox, *label.size_hwl, *label.location, label.rotation_y)
        line = f"{label.kind} {label.truncated:.2f} {label.occluded} "
        line += " ".join(f"{value:.4f}" for value in numbers)
        lines.append(line + ("" if label.score is None else f" {label.score:.6f}") + "\n")
    write_text(path, "".join(lines))
