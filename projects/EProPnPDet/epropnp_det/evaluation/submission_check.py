"""Everything in a nuScenes results file that the official devkit refuses.

The rules are those of the devkit's loader: its first failed assertion stops it, here all are
listed as errors. What it accepts and scores, but is hardly meant, is a warning.
"""

import math
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from epropnp_data.nuscenes.taxonomy import ATTRIBUTES, ATTRIBUTES_OF_CLASS, NO_ATTRIBUTE

from .merging import MAX_BOXES
from .submission import META_KEYS

VECTOR_LENGTHS = {"translation": 3, "size": 3, "rotation": 4, "velocity": 2}
UNIT_TOLERANCE = 1e-3  # deviation of a quaternion's norm from 1
LONG_CLASSES = ("car", "truck", "trailer", "bus", "bicycle", "motorcycle")
ATTRIBUTE_NAMES = set(ATTRIBUTES) - {ATTRIBUTES[NO_ATTRIBUTE]} | {""}


class Violation(NamedTuple):
    """One finding.

    Attributes:
        kind: short name, the same for findings of the same sort.
        place: where in the file.
        message: what is wrong.
        is_error: the devkit refuses the file; else it scores it, and this is a warning.
    """

    kind: str
    place: str
    message: str
    is_error: bool = True


def check_submission(content: object, expected_samples: list[str]) -> list[Violation]:
    """All violations of a parsed results file.

    Args:
        content: the parsed JSON.
        expected_samples: sample tokens of the split.
    """
    if not isinstance(content, dict) or not isinstance(content.get("results"), dict):
        return [Violation("format", "file", "needs the fields 'meta' and 'results' (dictionaries)")]
    results = content["results"]
    found = list(_check_meta(content.get("meta")))
    found += _check_samples(results, expected_samples)
    for token, records in results.items():
        if not isinstance(records, list):
            found.append(Violation("format", f"results[{token!r}]", "is not a list of boxes"))
            continue
        if len(records) > MAX_BOXES:
            message = f"{len(records)} boxes, at most {MAX_BOXES} are allowed"
            found.append(Violation("too many boxes", f"results[{token!r}]", message))
        for index, record in enumerate(records):
            found += _check_record(record, token, f"results[{token!r}][{index}]")
    if not any(results.values()):
        found.append(Violation("no boxes", "results", "the file holds no box at all"))
    return found + list(_check_size_order(results))


def _check_meta(meta: object) -> Iterator[Violation]:
    if meta is None:
        yield Violation("meta", "meta", "is missing; it declares the inputs that were used")
        return
    if not isinstance(meta, dict):
        yield Violation("meta", "meta", f"is {meta!r}, expected a dictionary", is_error=False)
        return
    for key in META_KEYS:
        if not isinstance(meta.get(key), bool):
            message = f"is {meta.get(key)!r}, expected true or false"
            yield Violation("meta", f"meta[{key!r}]", message, is_error=False)
    if meta.get("use_camera") is False and not meta.get("use_lidar"):
        yield Violation("meta", "meta", "claims neither camera nor lidar", is_error=False)


def _check_samples(results: dict, expected: list[str]) -> Iterator[Violation]:
    for token in sorted(set(expected) - set(results)):
        message = "sample of the split is missing (an empty list is fine)"
        yield Violation("missing sample", f"results[{token!r}]", message)
    for token in sorted(set(results) - set(expected)):
        yield Violation("unknown sample", f"results[{token!r}]", "is no sample of the split")


def _check_record(record: object, token: str, place: str) -> Iterator[Violation]:
    if not isinstance(record, dict):
        yield Violation("format", place, "is not a dictionary")
        return
    if record.get("sample_token") != token:
        found = record.get("sample_token")
        message = f"sample_token is {found!r}, expected {token!r}"
        yield Violation("sample token", place, message, is_error=not isinstance(found, str))
    for field, length in VECTOR_LENGTHS.items():
        yield from _check_vector(record.get(field), field, length, place)
    yield from _check_score(record, place)
    yield from _check_names(record, place)


def _check_vector(value: object, field: str, length: int, place: str) -> Iterator[Violation]:
    is_vector = isinstance(value, list) and len(value) == length
    if not is_vector or not all(_is_number(item) for item in value):
        yield Violation(field, place, f"{field} is {value!r}, expected {length} numbers")
    elif not all(math.isfinite(item) for item in value):
        refused = field != "velocity" and any(math.isnan(item) for item in value)
        yield Violation(f"{field} not finite", place, f"{field} {value} is not finite", refused)
    elif field == "size" and min(value) <= 0:
        yield Violation("size", place, f"size {value} (width, length, height) must be positive")
    elif field == "rotation" and abs(math.hypot(*value) - 1.0) > UNIT_TOLERANCE:
        message = f"quaternion {value} (w, x, y, z) has norm {math.hypot(*value):.4g}, expected 1"
        yield Violation("rotation norm", place, message, is_error=False)


def _check_score(record: dict, place: str) -> Iterator[Violation]:
    score = record.get("detection_score")
    if _is_number(score):
        if not math.isfinite(score):
            message = f"detection_score is {score}"
            yield Violation("score not finite", place, message, math.isnan(score))
        return
    message = f"detection_score is {score!r}, expected a number"
    yield Violation("score", place, message, "detection_score" in record and not _is_float(score))


def _is_float(value: object) -> bool:
    """Whether the devkit, which converts scores, makes a number of the value."""
    try:
        return not math.isnan(float(value))
    except (TypeError, ValueError, OverflowError):
        return False


def _check_names(record: dict, place: str) -> Iterator[Violation]:
    name, attribute = record.get("detection_name"), record.get("attribute_name")
    is_class = isinstance(name, str) and name in ATTRIBUTES_OF_CLASS
    if not is_class:
        yield Violation("class", place, f"detection_name {name!r} is none of the ten classes")
    if not isinstance(attribute, str) or attribute not in ATTRIBUTE_NAMES:
        message = f"attribute_name {attribute!r} is unknown (none is written as '')"
        yield Violation("attribute", place, message)
    elif is_class and (attribute or "none") not in ATTRIBUTES_OF_CLASS[name]:
        message = f"a {name} cannot have the attribute {attribute!r}"
        yield Violation("attribute of another class", place, message, is_error=False)


def _check_size_order(results: dict) -> Iterator[Violation]:
    """Sizes are (width, length, height); vehicles wider than long betray another order."""
    sizes = defaultdict(list)
    for records in results.values():
        for record in records if isinstance(records, list) else ():
            size = record.get("size") if isinstance(record, dict) else None
            if isinstance(size, list) and len(size) == 3 and all(_is_number(x) for x in size):
                sizes[str(record.get("detection_name"))].append(size)
    for name in LONG_CLASSES:
        if name not in sizes:
            continue
        width, length, _ = np.median(np.array(sizes[name], dtype=float), axis=0)
        if width > length:
            message = (
                f"median size of {name} is {width:.2f} wide and {length:.2f} long; the order is "
                "width, length, height"
            )
            yield Violation("size order", f"{len(sizes[name])} boxes", message, is_error=False)


def _is_number(value: object) -> bool:
    """Whether a value is a number, and no whole number beyond what a float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) <= sys.float_info.max
