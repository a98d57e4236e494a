"""Run mmdet3d's own nuScenes converter, as shipped in its wheel.

The converter has three habits that its command line leaves to the user, all handled here: its
second step reads ``./data/nuscenes`` whatever the data root is; it cuts 2D boxes at 1600 x 900
pixels whatever the image size is; and it stops at a keyframe without a lidar file. It runs in a
temporary folder that holds links to the data, so that none of its intermediate files reach the
data root.
"""

import importlib.util
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import mmdet3d
import numpy as np
from mmdet3d.datasets import convert_utils
from nuscenes.nuscenes import NuScenes

from epropnp_data.geometry.rigid import invert_rigid, transform_points
from epropnp_data.nuscenes.taxonomy import CLASSES
from epropnp_data.untrusted import inside, load_plain_pickle

from ..box_projection import in_view
from .annotate import cam_to_global
from .tables import read_table

LINKED_ROOT = Path("data/nuscenes")  # the converter's second step reads this path
CONVERTERS = Path(mmdet3d.__file__).parent / ".mim" / "tools" / "dataset_converters"


def split_names(version: str) -> tuple[str, ...]:
    """Splits that the converter writes info files for."""
    return ("test",) if version.endswith("test") else ("train", "val")


def convert(
    data_root: Path, version: str, tag: str, out_dir: Path, max_sweeps: int, scratch: Path
) -> None:
    """Write ``<tag>_infos_<split>.pkl`` in mmdet3d's v2 format.

    Changes the working directory of the process while it runs.

    Args:
        data_root: folder with ``samples``, ``maps`` and ``<version>``.
        version: nuScenes version.
        tag: prefix of the info files.
        out_dir: where the info files go; complete or not at all.
        max_sweeps: lidar sweeps listed per keyframe.
        scratch: empty folder on the same disk.
    """
    data_root, out_dir = data_root.resolve(), out_dir.resolve()
    first_step = load_converter("nuscenes_converter")
    second_step = load_converter("update_infos_to_v2")
    with (
        working_directory(scratch),
        boxes_cut_at_image_size(second_step),
    ):
        link_data(data_root, LINKED_ROOT, _keyframe_lidar_files(data_root, version))
        first_step.create_nuscenes_infos(
            str(LINKED_ROOT), tag, version=version, max_sweeps=max_sweeps
        )
        for split in split_names(version):
            info_file = LINKED_ROOT / f"{tag}_infos_{split}.pkl"
            _update(second_step, info_file, version)
            Path(info_file.name).replace(out_dir / info_file.name)


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


def _update(second_step: ModuleType, info_file: Path, version: str) -> None:
    """Bring an info file of the first step to the v2 format; the result lies in ``.``."""
    with info_file.open("rb") as file:
        is_empty = not load_plain_pickle(file)["infos"]
    if is_empty:  # the converter fails on an empty split
        _write_empty(Path(info_file.name), version)
    else:
        second_step.update_nuscenes_infos(str(info_file), ".")


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


def _write_empty(path: Path, version: str) -> None:
    metainfo = {
        "categories": {name: label for label, name in enumerate(CLASSES)},
        "dataset": "nuscenes",
        "version": version,
        "info_version": "1.1",
    }
    with path.open("wb") as file:
        pickle.dump({"metainfo": metainfo, "data_list": []}, file)
