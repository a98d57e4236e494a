"""Checks of a nuScenes data root before anything long is started on it."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from nuscenes.nuscenes import NuScenes

from epropnp_data.errors import DatasetError
from epropnp_data.nuscenes.tables import TABLE_NAMES
from epropnp_data.untrusted import inside

HASHED_BYTES = 32 * 2**20  # larger tables enter the fingerprint by their size only
TABLES = ("scene", "sample", "calibrated_sensor", "sample_annotation", "sample_data", "ego_pose")


def available_versions(data_root: Path) -> list[str]:
    """Versions whose tables lie in a data root."""
    return sorted(p.name for p in data_root.glob("v1.0-*") if (p / "sample.json").is_file())


def check_tables(data_root: Path, version: str) -> None:
    """Make sure that the tables of a version are there.

    Raises:
        DatasetError: naming the folder and what it holds instead.
    """
    if not data_root.is_dir():
        raise DatasetError(
            f"{data_root}: no such data root. Download nuScenes into it, or write a synthetic data "
            f"set with: python tools/create_synthetic_nuscenes.py {data_root}"
        )
    if not (data_root / version / "sample.json").is_file():
        found = ", ".join(available_versions(data_root)) or "none"
        raise DatasetError(
            f"{data_root / version}: the tables of {version} are not there (versions found in "
            f"{data_root}: {found}). Unpack the metadata of {version} there, or pass --version"
        )


def fingerprint(data_root: Path, version: str) -> str:
    """Digest that changes whenever the tables of a version do."""
    digest = hashlib.sha1(version.encode(), usedforsecurity=False)
    for name in TABLES:
        path = data_root / version / f"{name}.json"
        if not path.is_file():
            continue
        size = path.stat().st_size
        digest.update(f"{name} {size} ".encode())
        if size <= HASHED_BYTES:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def read_table(folder: Path, name: str) -> list[dict]:
    """Records of one table.

    Args:
        folder: of the tables of a version.
        name: of the table.

    Raises:
        DatasetError: it is missing or no list of records.
    """
    path = folder / f"{name}.json"
    remedy = f"Unpack the metadata of {folder.name} again"
    try:
        records = json.loads(path.read_text())
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such table. {remedy}") from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: not a JSON file ({error}). {remedy}") from None
    _check_list(path, records)
    return records


def _check_list(path: Path, records: object) -> None:
    if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise DatasetError(
            f"{path}: no list of records. Unpack the metadata of {path.parent.name} again"
        )


def open_tables(data_root: str | Path, version: str) -> NuScenes:
    """The devkit's view of a data root.

    Raises:
        DatasetError: tables are missing, damaged, or do not belong together.
    """
    folder = Path(data_root) / version
    try:
        nusc = NuScenes(version=version, dataroot=str(data_root), verbose=False)
    except Exception as error:  # whatever the devkit meets in a damaged table
        for name in TABLE_NAMES:
            read_table(folder, name)
        text = f"no record {error}" if isinstance(error, KeyError) else f"{error}"
        raise DatasetError(
            f"{folder}: the tables do not belong together ({text}). Unpack the metadata of "
            f"{version} again"
        ) from error
    for name in TABLE_NAMES:  # an empty object passes for an empty list until it is asked
        _check_list(folder / f"{name}.json", getattr(nusc, name, []))
    return nusc


def keyframe_images(data_root: Path, version: str) -> list[str]:
    """Camera images of all keyframes, relative to the data root.

    Raises:
        DatasetError: the table is damaged, or a file that it names lies outside the data root.
    """
    folder = data_root / version
    records = read_table(folder, "sample_data")
    for record in records:
        inside(record.get("filename"), folder / "sample_data.json")
    return [r["filename"] for r in records if r["is_key_frame"] and r["fileformat"] == "jpg"]


def missing_files(files: Iterable[str | Path]) -> list[str]:
    """Those of many files that do not exist; reads each folder once."""
    listing: dict[str, set[str]] = {}
    missing = []
    for file in map(str, files):
        folder, name = os.path.split(file)
        if folder not in listing:
            listing[folder] = set(os.listdir(folder)) if os.path.isdir(folder) else set()
        if name not in listing[folder]:
            missing.append(file)
    return missing


def check_images(files: Iterable[str | Path]) -> None:
    """Make sure that camera images exist.

    Raises:
        DatasetError: naming the first missing images and their number.
    """
    missing = missing_files(files)
    if missing:
        raise DatasetError(
            f"{missing[0]}: camera image is missing ({len(missing)} in all). Unpack the camera "
            "keyframes of this version into the data root, or write the synthetic data set anew "
            "with: python tools/create_synthetic_nuscenes.py"
        )
