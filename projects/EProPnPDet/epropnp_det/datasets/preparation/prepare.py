"""Info files and the detector's side files of a nuScenes data root."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from nuscenes.nuscenes import NuScenes

from epropnp_data.errors import DatasetError
from epropnp_data.staging import clear, unfinished
from epropnp_data.untrusted import load_plain_pickle

from ..camera_annotations import (
    CameraAnnotations,
    read_side_metainfo,
    save_side_file,
    side_file_of,
)
from ..image_table import table_file_of, write_image_table
from .annotate import annotate_image, keyframe_objects
from .mmdet3d_converter import convert, split_names
from .record_check import check_records
from .tables import (
    check_images,
    check_tables,
    fingerprint,
    keyframe_images,
    missing_files,
    open_tables,
)
from .workers import forked_map


def prepare_nuscenes(
    data_root: str | Path,
    version: str,
    out_dir: str | Path | None = None,
    tag: str = "nuscenes",
    overwrite: bool = False,
    max_sweeps: int = 10,
    workers: int = 1,
) -> list[Path]:
    """Write the info files of all splits of a version, and the side file of each.

    Nothing is done when files made from the same tables are there already.

    Args:
        data_root: folder with ``samples``, ``maps`` and ``<version>``.
        version: ``v1.0-mini``, ``v1.0-trainval`` or ``v1.0-test``.
        out_dir: folder of the files; the data root by default.
        tag: prefix of the files.
        overwrite: replace files that were made from other tables.
        max_sweeps: lidar sweeps listed per keyframe, for other models.
        workers: processes; the files are the same for any number.

    Returns:
        The info files.

    Raises:
        DatasetError: tables or images are missing or damaged, or files of another version are in
            the way.
        FileExistsError: another process is at work on the same files.
    """
    data_root = Path(data_root)
    out_dir = Path(out_dir) if out_dir else data_root
    check_tables(data_root, version)
    tables = fingerprint(data_root, version)
    info_files = [out_dir / f"{tag}_infos_{split}.pkl" for split in split_names(version)]
    if all(_is_current(path, tables) for path in info_files):
        print("already there: " + ", ".join(map(str, info_files)))
        _write_tables(info_files, data_root)
        return info_files
    if not overwrite:
        _refuse_other_version(info_files, version)
    nusc = open_tables(data_root, version)
    check_records(nusc)
    check_images(data_root / name for name in keyframe_images(data_root, version))
    with _scratch_folder(out_dir, tag) as scratch:
        convert(nusc, tag, out_dir, max_sweeps, scratch, workers)
        for path in info_files:
            annotations = annotate_split(nusc, path, workers)
            save_side_file(side_file_of(path), version, tables, annotations)
            print(f"wrote {path} and {side_file_of(path).name}: {len(annotations)} images")
    _write_tables(info_files, data_root)
    _report_missing_lidar(nusc)
    return info_files


def _write_tables(info_files: list[Path], data_root: Path) -> None:
    for path in info_files:
        if write_image_table(path, data_root):
            print(f"wrote {table_file_of(path)}: starts of a data set read this")


@contextmanager
def _scratch_folder(out_dir: Path, tag: str) -> Iterator[Path]:
    """Empty folder of this process alone, removed at the end; a killed run may have left one."""
    with unfinished(out_dir / f".{tag}") as scratch:
        clear(scratch)
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch)


def annotate_split(
    nusc: NuScenes, info_file: Path, workers: int = 1
) -> dict[str, CameraAnnotations]:
    """Annotations of all camera images of an info file, by sample_data token."""
    with info_file.open("rb") as file:
        frames = load_plain_pickle(file)["data_list"]
    images = [
        (frame["token"], [image["sample_data_token"] for image in frame["images"].values()])
        for frame in frames
    ]
    annotated = forked_map(
        partial(_annotate_keyframe, nusc), images, workers, f"annotate {info_file.stem}", "keyframe"
    )
    return {token: found for images in annotated for token, found in images.items()}


def _annotate_keyframe(
    nusc: NuScenes, keyframe: tuple[str, list[str]]
) -> dict[str, CameraAnnotations]:
    sample_token, image_tokens = keyframe
    objects = keyframe_objects(nusc, nusc.get("sample", sample_token))
    return {token: annotate_image(nusc, token, objects) for token in image_tokens}


def _is_current(info_file: Path, tables: str) -> bool:
    side_file = side_file_of(info_file)
    if not info_file.is_file() or not side_file.is_file():
        return False
    return read_side_metainfo(side_file).get("tables") == tables


def _refuse_other_version(info_files: list[Path], version: str) -> None:
    for path in filter(Path.is_file, info_files):
        with path.open("rb") as file:
            content = load_plain_pickle(file)
        found = content.get("metainfo", {}).get("version") if isinstance(content, dict) else None
        if found != version:
            raise DatasetError(
                f"{path}: made from {found or 'an unknown version'}, not from {version}. Pass "
                "--overwrite to replace it, or another --extra-tag or --out-dir"
            )


def _report_missing_lidar(nusc: NuScenes) -> None:
    files = [nusc.get_sample_data_path(sample["data"]["LIDAR_TOP"]) for sample in nusc.sample]
    missing = missing_files(files)
    if missing:
        print(
            f"note: {len(missing)} of {len(files)} keyframes have no lidar file (first: "
            f"{missing[0]}); the auxiliary losses that use lidar skip their images"
        )
