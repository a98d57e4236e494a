"""Which camera of which keyframe a prediction belongs to."""

import os.path as osp
from pathlib import Path

import numpy as np
from nuscenes.eval.detection.config import config_factory

from epropnp_data.errors import DatasetError
from epropnp_data.nuscenes.taxonomy import CLASSES

from ..datasets.camera_poses import CameraPose
from ..datasets.image_table import load_image_table
from .official import EVAL_CONFIG


class FrameTable:
    """Keyframes and camera poses of an info file, found by what a data sample carries.

    Args:
        ann_file: info file of mmdet3d's v2 format.
        data_root: data root of the config, for messages.

    Raises:
        DatasetError: the info file is missing or damaged.

    Attributes:
        version: nuScenes version of the info file.
        sample_tokens: keyframes in order.
    """

    def __init__(self, ann_file: str | Path, data_root: str | Path):
        self._table = load_image_table(ann_file, data_root, with_objects=False)
        self.ann_file = str(ann_file)
        self.version: str = self._table.metainfo.get("version", "unknown")
        self.sample_tokens = [token.decode() for token in self._table.keyframes.tolist()]
        keys = list(
            zip(self._table.text("sample_token"), self._table.text("cam_name"), strict=True)
        )
        self._rows = {key: row for row, key in enumerate(keys)}
        self._keys_of_file: dict[str, list[tuple[str, str]]] = {}
        for key, path in zip(keys, self._table.text("img_path"), strict=True):
            self._keys_of_file.setdefault(osp.basename(path), []).append(key)

    def key(self, metainfo: dict) -> tuple[str, str]:
        """(sample token, camera) of a data sample.

        By ``sample_token`` and ``cam_name`` where the data set gives them, else by the name of the
        image file, so it works with filtered, shortened and shuffled data sets.

        Raises:
            DatasetError: the info file has no such image.
        """
        if "sample_token" in metainfo and "cam_name" in metainfo:
            key = (metainfo["sample_token"], metainfo["cam_name"])
            if key in self._rows:
                return key
        keys = self._keys_of_file.get(osp.basename(str(metainfo.get("img_path", ""))), [])
        if len(keys) != 1:
            raise DatasetError(
                f"{self.ann_file}: {len(keys)} images match {metainfo.get('img_path')}. The "
                "evaluator needs the info file that the data set was built from (ann_file), and "
                "sample_token with cam_name, or unique image names, in the meta keys"
            )
        return keys[0]

    def __len__(self) -> int:
        """Number of camera images."""
        return len(self._rows)

    def pose(self, key: tuple[str, str]) -> CameraPose:
        """Pose of a camera."""
        return self._table.pose(self._rows[key])


def class_ranges() -> np.ndarray:
    """(10,) metres: distance up to which each class is evaluated."""
    ranges = config_factory(EVAL_CONFIG).class_range
    return np.array([ranges[name] for name in CLASSES], dtype=float)
