"""Camera images of an info file as columns, and a file of them that is read in seconds.

An info file of mmdet3d holds nested dictionaries, gigabytes of them at trainval size, of which a
data set here needs a few numbers per image. ``<tag>_infos_<split>_images.npz`` beside it holds
these as arrays, checked when it was made. It is used while info file and side file are those it was
made from, to the last byte; without it both are read and checked, with the same result.
"""

import hashlib
import json
import os.path as osp
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from epropnp_data.errors import DatasetError
from epropnp_data.nuscenes.taxonomy import CAMERAS
from epropnp_data.untrusted import inside
from epropnp_data.whole_file import part_of

from .camera_annotations import CameraAnnotations, load_side_file, side_file_of
from .camera_poses import CameraPose, camera_matrix, camera_pose, rigid
from .checks import keyframe, load_info_file
from .remedy import create_data_command

FORMAT = 1
CHUNK = 1 << 20  # bytes
TEXTS = ("sample_token", "cam_name", "img_path", "lidar_path")
MATRICES = ("cam2img", "lidar2cam", "cam2ego", "ego2global")
OBJECTS = "objects."  # before the names of annotation fields in the file


@dataclass(frozen=True, eq=False)
class ImageTable:
    """N images with G objects in all, in the order of the info file.

    Attributes:
        metainfo: of the info file.
        keyframes: (K,) tokens, bytes.
        columns: by name; `TEXTS` are (N,) bytes, paths relative to the folder of their sensor;
            `MATRICES` are (N, 3, 3) intrinsics and (N, 4, 4) rigid motions.
        objects: all objects, image by image, ``size_wh`` (N, 2); None if they were not asked for.
        ends: (N,) number of objects up to and with an image; None likewise.
    """

    metainfo: dict
    keyframes: np.ndarray
    columns: dict[str, np.ndarray]
    objects: CameraAnnotations | None
    ends: np.ndarray | None

    def __len__(self) -> int:
        return len(self.columns["cam_name"])

    def text(self, name: str) -> list[str]:
        """A column of text."""
        return [value.decode() for value in self.columns[name].tolist()]

    def objects_of(self, row: int) -> CameraAnnotations:
        """Objects of an image."""
        start = self.ends[row - 1] if row else 0
        own = self.objects.select(slice(start, self.ends[row]))
        return replace(own, size_wh=self.objects.size_wh[row])

    def pose(self, row: int) -> CameraPose:
        """Pose of the camera of an image."""
        return CameraPose(self.columns["cam2ego"][row], self.columns["ego2global"][row])


@dataclass(frozen=True, eq=False)
class ImageList(Sequence):
    """Items of images, made when they are asked for; workers share the arrays behind them.

    Attributes:
        table: of all images.
        rows: (N,) images of this list.
        folders: of each sensor, by its name.
        common: entries that all items have.
    """

    table: ImageTable
    rows: np.ndarray
    folders: Mapping[str, str]
    common: Mapping[str, object]

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, keep: np.ndarray) -> "ImageList":
        """Images of a boolean mask or an index array."""
        return replace(self, rows=self.rows[keep])

    def __getitem__(self, index: int | slice) -> "dict | ImageList":
        """Item of an image, or the list of a slice."""
        if isinstance(index, slice):
            return self.select(index)
        row, table = self.rows[index], self.table
        texts = {name: table.columns[name][row].decode() for name in TEXTS}
        cam_name = texts["cam_name"]
        item = {
            "name": f"{texts['sample_token']} {cam_name}",
            "sample_token": texts["sample_token"],
            "cam_name": cam_name,
            "img_path": osp.join(self.folders[cam_name], texts["img_path"]),
            "lidar_path": osp.join(self.folders["pts"], texts["lidar_path"]),
            **{name: table.columns[name][row] for name in MATRICES},
            **self.common,
        }
        if table.objects is not None:
            item["annotations"] = table.objects_of(row)
        return item


def table_file_of(ann_file: str | Path) -> Path:
    """Path of the table that belongs to an info file."""
    ann_file = Path(ann_file)
    return ann_file.with_name(f"{ann_file.stem}_images.npz")


def load_image_table(
    ann_file: str | Path, data_root: str | Path, with_objects: bool = True
) -> ImageTable:
    """Images of an info file, from its table where that is current.

    Args:
        ann_file: info file.
        data_root: data root of the config, for messages.
        with_objects: the annotations of the side file as well.

    Raises:
        DatasetError: a file is missing or damaged.
    """
    found = _read(Path(ann_file), with_objects)
    return _parse(Path(ann_file), data_root, with_objects) if found is None else found


def write_image_table(ann_file: Path, data_root: Path) -> bool:
    """Write the table of an info file and its side file; whether there was anything to write.

    A table that is current stays, and an info file without images gets none.

    Raises:
        DatasetError: a file is missing or damaged.
    """
    if _read(ann_file, with_objects=True) is not None:
        return False
    table = _parse(ann_file, data_root, with_objects=True)
    if len(table) == 0:
        return False
    header = {"format": FORMAT, "metainfo": table.metainfo, "digests": _digests(ann_file, True)}
    objects = {f"{OBJECTS}{name}": value for name, value in vars(table.objects).items()}
    path = table_file_of(ann_file)
    part = part_of(path)
    with part.open("wb") as file:
        np.savez(
            file,
            header=np.array(json.dumps(header)),
            keyframes=table.keyframes,
            ends=table.ends,
            **table.columns,
            **objects,
        )
    part.replace(path)
    return True


def _read(ann_file: Path, with_objects: bool) -> ImageTable | None:
    """The table, if it is there and current."""
    path = table_file_of(ann_file)
    if not path.is_file() or not ann_file.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            header = json.loads(file["header"].item())
            if header["format"] != FORMAT or not _is_current(header, ann_file, with_objects):
                return None
            columns = {name: file[name] for name in (*TEXTS, *MATRICES)}
            objects = ends = None
            if with_objects:
                names = [field.name for field in fields(CameraAnnotations)]
                objects = CameraAnnotations(**{name: file[OBJECTS + name] for name in names})
                ends = file["ends"]
            return ImageTable(header["metainfo"], file["keyframes"], columns, objects, ends)
    except (OSError, KeyError, ValueError, EOFError, BadZipFile):  # cut short, or another version
        return None


def _is_current(header: Mapping, ann_file: Path, with_objects: bool) -> bool:
    digests = _digests(ann_file, with_objects)
    return all(header["digests"].get(name) == digest for name, digest in digests.items())


def _digests(ann_file: Path, with_objects: bool) -> dict[str, str | None]:
    files = {"info": ann_file} | ({"side": side_file_of(ann_file)} if with_objects else {})
    return {name: _digest(path) for name, path in files.items()}


def _digest(path: Path) -> str | None:
    if not path.is_file():
        return None
    digest = hashlib.sha1(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _parse(ann_file: Path, data_root: str | Path, with_objects: bool) -> ImageTable:
    """Read and check info file and side file."""
    content = load_info_file(ann_file, data_root)
    keyframes, images, image_tokens, metainfo = [], [], [], content["metainfo"]
    for info in content["data_list"]:
        with keyframe(ann_file, info):
            keyframes.append(info["token"].encode())
            images += [_image(info, name, ann_file) for name in info["images"]]
            if with_objects:
                image_tokens += [image["sample_data_token"] for image in info["images"].values()]
    del content
    columns = {name: np.array([image[name] for image in images], dtype=bytes) for name in TEXTS}
    for name in MATRICES:
        size = 3 if name == "cam2img" else 4
        columns[name] = np.array([image[name] for image in images]).reshape(-1, size, size)
    objects = ends = None
    if image_tokens:
        objects, ends = _objects(image_tokens, ann_file, data_root, metainfo.get("version"))
    return ImageTable(metainfo, np.array(keyframes, dtype=bytes), columns, objects, ends)


def _image(info: Mapping, cam_name: str, ann_file: Path) -> dict:
    """What the table keeps of one image."""
    if cam_name not in CAMERAS:
        raise ValueError(f"unknown camera {cam_name!r}, expected some of {', '.join(CAMERAS)}")
    image = info["images"][cam_name]
    pose = camera_pose(info, cam_name)
    return {
        "sample_token": info["token"].encode(),
        "cam_name": cam_name.encode(),
        "img_path": inside(image["img_path"], ann_file).encode(),
        "lidar_path": inside(info["lidar_points"]["lidar_path"], ann_file).encode(),
        "cam2img": camera_matrix(image["cam2img"]),
        "lidar2cam": rigid(image["lidar2cam"], "lidar2cam"),
        "cam2ego": pose.cam_to_ego,
        "ego2global": pose.ego_to_global,
    }


def _objects(
    tokens: list[str], ann_file: Path, data_root: str | Path, version: str | None
) -> tuple[CameraAnnotations, np.ndarray]:
    """Objects of images in the order of their tokens, and where those of each image end."""
    path = side_file_of(ann_file)
    annotations = load_side_file(path, data_root)
    for token in tokens:
        if token not in annotations:
            raise DatasetError(
                f"{path}: no entry for the image {token} of {ann_file}. "
                f"Run: {create_data_command(str(data_root), version)}"
            )
    items = [annotations[token] for token in tokens]
    ends = np.cumsum([len(item) for item in items], dtype=np.int64)
    return CameraAnnotations.joined(items), ends
