"""Numbers in annotations that no object can have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from epropnp_data.nuscenes.taxonomy import ATTRIBUTES, CLASSES

if TYPE_CHECKING:
    from .camera_annotations import CameraAnnotations

UNIT_TOLERANCE = 1e-3  # of a quaternion's norm


class Rule(NamedTuple):
    """What the rows of a field have to be.

    Attributes:
        width: numbers per row; None for one number.
        holds: mask (N,) of the rows that are right.
        expected: in words.
    """

    width: int | None
    holds: Callable[[np.ndarray], np.ndarray]
    expected: str


def _finite(rows: np.ndarray) -> np.ndarray:
    return np.isfinite(rows).all(axis=tuple(range(1, rows.ndim)))


def _unit(rows: np.ndarray) -> np.ndarray:
    return np.abs(np.linalg.norm(rows, axis=1) - 1) <= UNIT_TOLERANCE


def _among(count: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rows: (rows >= 0) & (rows < count)


RULES = {
    "bboxes": Rule(4, lambda r: _finite(r) & (r[:, 2:] >= r[:, :2]).all(1), "x1 <= x2, y1 <= y2"),
    "centers": Rule(3, _finite, "finite numbers"),
    "dims": Rule(3, lambda r: _finite(r) & (r > 0).all(axis=1), "sides above zero"),
    "rotations": Rule(4, _unit, "a quaternion of norm 1"),
    "yaws": Rule(None, _finite, "a finite number"),
    "velocities": Rule(2, lambda r: ~np.isinf(r).any(axis=1), "finite numbers, or NaN: unknown"),
    "labels": Rule(None, _among(len(CLASSES)), "a class of the detection task"),
    "attr_labels": Rule(None, _among(len(ATTRIBUTES)), "an attribute of the detection task"),
    "visibility": Rule(None, _among(5), "a level from 0 to 4"),
    "truncation": Rule(None, _finite, "a finite number"),
}


def check_annotations(annotations: Mapping[str, CameraAnnotations]) -> None:
    """Refuse annotations that no object can have: sizes of zero, rotations that are none, NaN.

    Args:
        annotations: sample_data token -> objects of the image.

    Raises:
        ValueError: naming image, field and value.
    """
    if not annotations:
        return
    tokens, items = list(annotations), list(annotations.values())
    for token, item in annotations.items():
        if np.shape(item.size_wh) != (2,) or min(item.size_wh) <= 0:
            raise ValueError(f"image {token}: size_wh is {item.size_wh}, expected two lengths")
    ends = np.cumsum([len(item.labels) for item in items])
    for field, rule in RULES.items():
        columns = [np.asarray(getattr(item, field)) for item in items]
        width = () if rule.width is None else (rule.width,)
        for token, item, rows in zip(tokens, items, columns, strict=True):
            if rows.shape != (len(item.labels), *width):
                raise ValueError(f"image {token}: {field} has the shape {rows.shape}")
        rows = np.concatenate(columns)
        wrong = np.flatnonzero(~rule.holds(rows))
        if len(wrong):
            token = tokens[int(np.searchsorted(ends, wrong[0], side="right"))]
            raise ValueError(
                f"image {token}: {field} is {rows[wrong[0]].tolist()}, expected {rule.expected} "
                f"({len(wrong)} such objects)"
            )
