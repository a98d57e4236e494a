"""Run mmdet3d's own nuScenes converter, as shipped in its wheel.

The converter has four habits that its command line leaves to the user, all handled here: its
second step reads ``./data/nuscenes`` whatever the data root is; it cuts 2D boxes at 1600 x 900
pixels whatever the image size is; it stops at a keyframe without a lidar file; and it works in one
process. It runs in a temporary folder that holds links to the data, so that none of its
intermediate files reach the data root, on a few scenes at a time.
"""

import contextlib
import copy
import importlib.util
import io
import os
import pickle
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import mmdet3d
import numpy as np
import nuscenes.nuscenes
from mmdet3d.datasets import convert_utils
from nuscenes.nuscenes import NuScenes

from epropnp_data.geometry.rigid import invert_rigid, transform_points
from epropnp_data.nuscenes.taxonomy import CLASSES
from epropnp_data.untrusted import inside, load_plain_pickle

from ..box_projection import in_view
from .annotate import cam_to_global
from .scene_tables import SceneTables, scene_shards
from .tables import read_table
from .workers import forked_map

LINKED_ROOT = Path("data/nuscenes")  # the converter's second step reads this path
CONVERTERS = Path(mmdet3d.__file__).parent / ".mim" / "tools" / "dataset_converters"


def split_names(version: str) -> tuple[str, ...]:
    """Splits that the converter writes info files for."""
    return ("test",) if version.endswith("test") else ("train", "val")


class Conversion(NamedTuple):
    """What a worker needs to convert some scenes.

    Attributes:
        nusc: all tables.
        first_step: the converter script that makes infos.
        second_step: the one that brings them to the v2 format.
        max_sweeps: lidar sweeps listed per keyframe.
    """

    nusc: NuScenes
    first_step: ModuleType
    second_step: ModuleType
    max_sweeps: int

    def __call__(self, scenes: frozenset[str]) -> dict[str, dict]:
        """Content of the info file of each split, for the scenes with these tokens alone."""
        tables = SceneTables(self.nusc, scenes)
        version = self.nusc.version
        with (
            tempfile.TemporaryDirectory(dir=".", prefix="scenes-") as folder,
            tables_given(self.second_step, tables),
            boxes_cut_at_image_size(self.second_step),
            contextlib.redirect_stdout(io.StringIO()),  # bars and counts of every few scenes
        ):
            self.first_step.create_nuscenes_infos(
                folder, "part", version=version, max_sweeps=self.max_sweeps
            )
            return {
                split: _updated(self.second_step, Path(folder), split, version)
                for split in split_names(version)
            }


def convert(
    nusc: NuScenes,
    tag: str,
    out_dir: Path,
    max_sweeps: int,
    scratch: Path,
    workers: int = 1,
) -> None:
    """Write ``<tag>_infos_<split>.pkl`` in mmdet3d's v2 format.

    Changes the working directory of the process while it runs.

    Args:
        nusc: tables.
        tag: prefix of the info files.
        out_dir: where the info files go; complete or not at all.
        max_sweeps: lidar sweeps listed per keyframe.
        scratch: empty folder on the same disk.
        workers: processes; the files are the same for any number.
    """
    data_root, version, out_dir = Path(nusc.dataroot).resolve(), nusc.version, out_dir.resolve()
    steps = load_converter("nuscenes_converter"), load_converter("update_infos_to_v2")
    with working_directory(scratch):
        link_data(data_root, LINKED_ROOT, _keyframe_lidar_files(data_root, version))
        linked = copy.copy(nusc)
        linked.dataroot = str(LINKED_ROOT)
        job, shards = Conversion(linked, *steps, max_sweeps), scene_shards(nusc)
        parts = list(forked_map(job, shards, workers, "convert", "shard"))
        order = {sample["token"]: index for index, sample in enumerate(nusc.sample)}
        for split in split_names(version):
            content = merged([part[split] for part in parts], order, version)
            path = Path(f"{tag}_infos_{split}.pkl")
            with path.open("wb") as file:
                pickle.dump(content, file)
            path.replace(out_dir / path.name)


def merged(parts: list[dict], order: dict[str, int], version: str) -> dict:
    """One info file of those of some scenes each, as the converter writes it of all at once.

    Its list of categories is that of the last keyframe.

    Args:
        parts: contents of info files, without order.
        order: place of each keyframe token in the tables.
        version: nuScenes version.
    """
    frames = [(frame, part["metainfo"]) for part in parts for frame in part["data_list"]]
    frames.sort(key=lambda pair: order[pair[0]["token"]])
    for index, (frame, _) in enumerate(frames):
        frame["sample_idx"] = index
    metainfo = frames[-1][1] if frames else _empty_metainfo(version)
    return {"metainfo": metainfo, "data_list": [frame for frame, _ in frames]}


def load_converter(name: str) -> ModuleType:
    """One of the converter scripts in mmdet3d's wheel, as a module of its own."""
    path = CONVERTERS / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"mmdet3d_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def working_directory(folder: Path) -> Iterator[None]:
    """Change the working directory for a while."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def tables_given(second_step: ModuleType, tables: SceneTables) -> Iterator[None]:
    """Let both converter scripts, which read the tables again and again, have these instead."""
    read_all = nuscenes.nuscenes.NuScenes
    nuscenes.nuscenes.NuScenes = second_step.NuScenes = lambda **_: tables
    try:
        yield
    finally:
        nuscenes.nuscenes.NuScenes = second_step.NuScenes = read_all


def _updated(second_step: ModuleType, folder: Path, split: str, version: str) -> dict:
    """Bring an info file of the first step to the v2 format."""
    info_file = folder / f"part_infos_{split}.pkl"
    with info_file.open("rb") as file:
        is_empty = not load_plain_pickle(file)["infos"]
    if is_empty:  # the converter fails on an empty split
        return {"metainfo": _empty_metainfo(version), "data_list": []}
    updated = folder / "updated"
    updated.mkdir(exist_ok=True)
    second_step.update_nuscenes_infos(str(info_file), str(updated))
    with (updated / info_file.name).open("rb") as file:
        return load_plain_pickle(file)


def link_data(data_root: Path, target: Path, lidar_files: list[str]) -> None:
    """Make ``target`` look like ``data_root``, with an empty file for each missing lidar file.

    Args:
        data_root: real data root.
        target: folder to create, filled with links.
        lidar_files: lidar files of the keyframes, relative to the data root.
    """
    target.mkdir(parents=True)
    missing = [name for name in lidar_files if not (data_root / name).exists()]
    rebuilt = {str(parent) for name in missing for parent in Path(name).parents}
    _link_folder(data_root, target, Path(), rebuilt - {"."})
    for name in missing:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).touch()


def _link_folder(data_root: Path, target: Path, folder: Path, rebuilt: set[str]) -> None:
    """Link the entries of a folder; folders that will hold placeholders are made anew."""
    for entry in (data_root / folder).iterdir():
        name = folder / entry.name
        if str(name) in rebuilt:
            (target / name).mkdir()
            _link_folder(data_root, target, name, rebuilt)
        else:
            (target / name).symlink_to(entry)


@contextmanager
def boxes_cut_at_image_size(second_step: ModuleType) -> Iterator[None]:
    """Make the converter cut each 2D box at the size of its image instead of at 1600 x 900.

    The size is the default of an argument deep inside mmdet3d; it is set anew for every image.
    Objects out of view, which the converter would look at and drop, are left out beforehand.

    Args:
        second_step: the converter script that makes the boxes.
    """
    boxes_of_image = second_step.get_nuscenes_2d_boxes
    cut = convert_utils.post_process_coords
    defaults = cut.__defaults__

    def boxes_of_sized_image(nusc: NuScenes, sample_data_token: str, visibilities: list[str]):
        image = nusc.get("sample_data", sample_data_token)
        cut.__defaults__ = ((image["width"], image["height"]),)
        return boxes_of_image(ImageTables(nusc, image), sample_data_token, visibilities)

    second_step.get_nuscenes_2d_boxes = boxes_of_sized_image
    try:
        yield
    finally:
        cut.__defaults__ = defaults


class ImageTables:
    """The tables as one camera image sees them: its keyframe lists only objects in view."""

    def __init__(self, nusc: NuScenes, image: dict):
        self._nusc = nusc
        self.get_box = nusc.get_box
        self.box_velocity = nusc.box_velocity
        sample = nusc.get("sample", image["sample_token"])
        self._sample = {**sample, "anns": anns_in_view(nusc, image, sample["anns"])}

    def get(self, table: str, token: str) -> dict:
        """A record."""
        is_keyframe = table == "sample" and token == self._sample["token"]
        return self._sample if is_keyframe else self._nusc.get(table, token)


def anns_in_view(nusc: NuScenes, image: dict, tokens: list[str]) -> list[str]:
    """Those annotations of a keyframe that an image may show.

    Args:
        nusc: tables.
        image: sample_data record of the camera image.
        tokens: annotations of its keyframe.
    """
    if not tokens:
        return []
    sensor = nusc.get("calibrated_sensor", image["calibrated_sensor_token"])
    records = [nusc.get("sample_annotation", token) for token in tokens]
    centers = np.array([record["translation"] for record in records])
    radii = 0.5 * np.linalg.norm([record["size"] for record in records], axis=1)
    intrinsic = np.array(sensor["camera_intrinsic"], dtype=float)
    centers_cam = transform_points(invert_rigid(cam_to_global(nusc, image)), centers)
    mask = in_view(centers_cam, radii, intrinsic, (image["width"], image["height"]))
    return [token for token, is_seen in zip(tokens, mask, strict=True) if is_seen]


def _keyframe_lidar_files(data_root: Path, version: str) -> list[str]:
    """Lidar files of all keyframes, relative to the data root."""
    folder = data_root / version
    sensors, sensor_mounts = read_table(folder, "sensor"), read_table(folder, "calibrated_sensor")
    lidars = {s["token"] for s in sensors if s["channel"] == "LIDAR_TOP"}
    mounted = {c["token"] for c in sensor_mounts if c["sensor_token"] in lidars}
    return [
        inside(record["filename"], folder / "sample_data.json")
        for record in read_table(folder, "sample_data")
        if record["is_key_frame"] and record["calibrated_sensor_token"] in mounted
    ]


def _empty_metainfo(version: str) -> dict:
    return {
        "categories": {name: label for label, name in enumerate(CLASSES)},
        "dataset": "nuscenes",
        "version": version,
        "info_version": "1.1",
    }
