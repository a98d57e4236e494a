"""Errors of BOP files; both end a tool with their message alone."""

import json
from pathlib import Path

import numpy as np

from epropnp_data.errors import DatasetError

ROTATION_TOLERANCE = 1e-2  # of R R^T from the identity; files hold few digits


class BOPError(DatasetError, ValueError):
    """A BOP file is damaged or belongs to other data; the message names file, entry and value."""


class BOPFileMissing(DatasetError, FileNotFoundError):
    """A BOP file is not there."""


def read_json(path: Path, kind: type) -> object:
    """Contents of a JSON file.

    Args:
        path: the file.
        kind: dict or list.

    Raises:
        BOPFileMissing: it is not there.
        BOPError: it is no JSON, or holds something else.
    """
    try:
        content = json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise BOPFileMissing(f"{path}: not found") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BOPError(f"{path}: not a JSON file ({error})") from None
    if not isinstance(content, kind):
        found = type(content).__name__
        raise BOPError(f"{path}: expected a {kind.__name__} of entries, got {found}")
    return content


def numbers(values: object, count: int, name: str) -> np.ndarray:
    """So many finite numbers (count,) of a file.

    Raises:
        ValueError: other contents, naming the field.
    """
    try:
        array = np.array(values, dtype=np.float64).ravel()
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} is {values!r}, expected {count} numbers") from None
    if array.size != count or not np.isfinite(array).all():
        raise ValueError(f"{name} is {values!r}, expected {count} finite numbers")
    return array


def rotation(values: object, name: str) -> np.ndarray:
    """Rotation matrix (3, 3) of a file.

    Raises:
        ValueError: it is none.
    """
    matrix = numbers(values, 9, name).reshape(3, 3)
    distance = np.abs(matrix @ matrix.T - np.eye(3)).max()
    if distance > ROTATION_TOLERANCE or np.linalg.det(matrix) < 0:
        raise ValueError(f"{name} is no rotation: {matrix.tolist()}")
    return matrix


def whole(value: object, name: str) -> int:
    """Whole number of a file, zero or more.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} is {value!r}, expected a whole number")
    return value
