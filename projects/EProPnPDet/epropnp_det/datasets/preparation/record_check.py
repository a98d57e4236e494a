"""Numbers in the nuScenes tables that no sensor and no object can have."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nuscenes.nuscenes import NuScenes

from epropnp_data.errors import DatasetError

LINKS = {  # table -> field -> table of the record that it names
    "calibrated_sensor": {"sensor_token": "sensor"},
    "sample": {"scene_token": "scene"},
    "sample_annotation": {"sample_token": "sample", "instance_token": "instance"},
    "sample_data": {
        "sample_token": "sample",
        "ego_pose_token": "ego_pose",
        "calibrated_sensor_token": "calibrated_sensor",
    },
}
UNIT_TOLERANCE = 1e-3  # of a quaternion's norm


def check_records(nusc: NuScenes) -> None:
    """Refuse tables with rotations that are none, boxes without extent, cameras without focus.

    Args:
        nusc: the tables.

    Raises:
        DatasetError: naming table, record, field and value, and how many there are.
    """
    checks: dict[str, Callable[[dict], Iterator[str]]] = {
        "calibrated_sensor": _sensor,
        "ego_pose": _pose,
        "sample_annotation": _annotation,
    }
    folder = Path(nusc.dataroot) / nusc.version
    for table in {**checks, **LINKS}:
        records = getattr(nusc, table)
        found = list(_broken_links(nusc, table))
        if table in checks:
            found += [(r, problem) for r in records for problem in checks[table](r)]
        if found:
            record, problem = found[0]
            raise DatasetError(
                f"{folder / table}.json: record {record.get('token')}: {problem} ({len(found)} "
                f"such entries). Mend or remove them, or unpack the metadata of {folder.name} again"
            )


def _broken_links(nusc: NuScenes, table: str) -> Iterator[tuple[dict, str]]:
    for field, target in LINKS.get(table, {}).items():
        known = {record["token"] for record in getattr(nusc, target)}
        for record in getattr(nusc, table):
            if record.get(field) not in known:
                yield record, f"{field} {record.get(field)!r} is not in {target}.json"


def _pose(record: dict) -> Iterator[str]:
    rotation = record.get("rotation")
    if not _numbers(rotation, 4) or abs(math.hypot(*rotation) - 1) > UNIT_TOLERANCE:
        yield f"rotation is {rotation}, expected a quaternion of norm 1"
    yield from _vector(record, "translation")


def _annotation(record: dict) -> Iterator[str]:
    yield from _pose(record)
    size = record.get("size")
    if not _numbers(size, 3) or min(size) <= 0:
        yield f"size is {size}, expected three lengths above zero"


def _sensor(record: dict) -> Iterator[str]:
    yield from _pose(record)
    rows = record.get("camera_intrinsic")
    if rows == []:  # no camera
        return
    is_matrix = isinstance(rows, list) and len(rows) == 3 and all(_numbers(row, 3) for row in rows)
    if not is_matrix or min(rows[0][0], rows[1][1]) <= 0 or rows[2] != [0, 0, 1]:
        yield f"camera_intrinsic is {rows}, expected focal lengths above zero, a last row of 0 0 1"


def _vector(record: dict, field: str) -> Iterator[str]:
    if not _numbers(record.get(field), 3):
        yield f"{field} is {record.get(field)}, expected three finite numbers"


def _numbers(values: Sequence | None, count: int) -> bool:
    """Whether a value is a list of so many finite numbers."""
    return (
        isinstance(values, list)
        and len(values) == count
        and all(isinstance(v, int | float) and math.isfinite(v) for v in values)
    )
