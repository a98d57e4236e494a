"""Side file of an info file: what the detector needs beyond mmdet3d's own info format.

``<tag>_infos_<split>.pkl`` stays exactly what mmdet3d's converter wrote, so every other model of
mmdet3d reads it; ``<tag>_infos_<split>_mono.pkl`` beside it holds, for each camera image, the
size and one row per annotated object.
"""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from epropnp_data.errors import DatasetError
from epropnp_data.untrusted import load_plain_pickle

from .annotation_check import check_annotations
from .remedy import create_data_command

FORMAT = 1


@dataclass(frozen=True)
class CameraAnnotations:
    """Objects of one camera image, in the order of the annotation table; G objects.

    Every object of the ten classes that covers some area of the image is listed, whatever its
    visibility or truncation: the data set filters when it loads.

    Attributes:
        size_wh: (2,) int image width and height.
        bboxes: (G, 4) x1, y1, x2, y2 in pixels, cut at the image border.
        centers: (G, 3) box centres in the camera frame, metres.
        dims: (G, 3) length, height, width in metres.
        rotations: (G, 4) nuScenes-box-to-camera rotation, quaternion w, x, y, z.
        yaws: (G,) heading about the camera's y axis.
        velocities: (G, 2) camera x and z, m/s; NaN when unknown.
        labels: (G,) int class.
        attr_labels: (G,) int attribute of the data set; -1 if unknown.
        visibility: (G,) int level 1 to 4; 0 when unknown.
        truncation: (G,) share of the box outside the image.
    """

    size_wh: np.ndarray
    bboxes: np.ndarray
    centers: np.ndarray
    dims: np.ndarray
    rotations: np.ndarray
    yaws: np.ndarray
    velocities: np.ndarray
    labels: np.ndarray
    attr_labels: np.ndarray
    visibility: np.ndarray
    truncation: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, keep: np.ndarray) -> "CameraAnnotations":
        """Rows of a boolean mask or an index array."""
        rows = {f.name: getattr(self, f.name)[keep] for f in fields(self) if f.name != "size_wh"}
        return CameraAnnotations(size_wh=self.size_wh, **rows)

    @staticmethod
    def joined(items: Sequence["CameraAnnotations"]) -> "CameraAnnotations":
        """Objects of N images, one after the other; ``size_wh`` becomes (N, 2).

        Raises:
            ValueError: there is no image.
        """
        rows = {
            f.name: np.concatenate([getattr(item, f.name) for item in items])
            for f in fields(CameraAnnotations)
            if f.name != "size_wh"
        }
        return CameraAnnotations(size_wh=np.stack([item.size_wh for item in items]), **rows)


def side_file_of(ann_file: str | Path) -> Path:
    """Path of the side file that belongs to an info file."""
    ann_file = Path(ann_file)
    return ann_file.with_name(f"{ann_file.stem}_mono.pkl")


def save_side_file(
    path: Path, version: str, tables: str, annotations: Mapping[str, CameraAnnotations]
) -> None:
    """Write the annotations of all images of one split; the file appears complete or not at all.

    Args:
        path: where to.
        version: nuScenes version.
        tables: fingerprint of the tables they were made from.
        annotations: sample_data token of a camera image -> its objects.
    """
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        metainfo = {"dataset": "nuscenes", "version": version, "format": FORMAT, "tables": tables}
        pickle.dump(metainfo, file, protocol=pickle.HIGHEST_PROTOCOL)
        cameras = {token: asdict(item) for token, item in annotations.items()}
        pickle.dump(cameras, file, protocol=pickle.HIGHEST_PROTOCOL)
    part.replace(path)


def read_side_metainfo(path: Path) -> dict:
    """Header of a side file; empty when the file is something else."""
    with path.open("rb") as file:
        header = load_plain_pickle(file)
    return header if isinstance(header, dict) and header.get("format") == FORMAT else {}


def load_side_file(path: Path, data_root: str | Path) -> dict[str, CameraAnnotations]:
    """Read a side file: sample_data token of a camera image -> its objects.

    Raises:
        DatasetError: it is missing, of another format or damaged.
    """
    command = create_data_command(str(data_root))
    if not path.is_file():
        raise DatasetError(
            f"{path}: the detector's annotations are missing beside the info file. Run: {command}"
        )
    if not read_side_metainfo(path):
        raise DatasetError(f"{path}: not of the expected format {FORMAT}. Run: {command}")
    with path.open("rb") as file:
        load_plain_pickle(file)  # header
        cameras = load_plain_pickle(file)
    try:
        annotations = {token: CameraAnnotations(**item) for token, item in cameras.items()}
        check_annotations(annotations)
    except (AttributeError, TypeError, ValueError) as error:
        raise DatasetError(f"{path}: {error}. Run: {command}") from None
    return annotations
