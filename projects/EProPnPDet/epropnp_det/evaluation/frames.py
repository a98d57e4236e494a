"""Which camera of which keyframe a prediction belongs to."""

import os.path as osp
from pathlib import Path

import numpy as np
from nuscenes.eval.detection.config import config_factory

from epropnp_data.errors import DatasetError
from epropnp_data.nuscenes.taxonomy import CLASSES

from ..datasets.camera_poses import CameraPose, camera_pose
from ..datasets.checks import keyframe, load_info_file
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
        content = load_info_file(ann_file, data_root)
        self.ann_file = str(ann_file)
        self.version: str = content["metainfo"].get("version", "unknown")
        self.sample_tokens: list[str] = []
        self._poses: dict[tuple[str, str], CameraPose] = {}
        self._keys_of_file: dict[str, list[tuple[str, str]]] = {}
        for info in content["data_list"]:
            with keyframe(ann_file, info):
                self._add(info)

    def key(self, metainfo: dict) -> tuple[str, str]:
        """(sample token, camera) of a data sample.

        By ``sample_token`` and ``cam_name`` where the data set gives them, else by the name of the
        image file, so it works with filtered, shortened and shuffled data sets.

        Raises:
            DatasetError: the info file has no such image.
        """
        if "sample_token" in metainfo and "cam_name" in metainfo:
            key = (metainfo["sample_token"], metainfo["cam_name"])
            if key in self._poses:
                return key
        keys = self._keys_of_file.get(osp.basename(str(metainfo.get("img_path", ""))), [])
        if len(keys) != 1:
            raise DatasetError(
                f"{self.ann_file}: {len(keys)} images match {metainfo.get('img_path')}. The "
                "evaluator needs the info file that the data set was built from (ann_file), and "
                "sample_token with cam_name, or unique image names, in the meta keys"
            )
        return keys[0]

    def _add(self, info: dict) -> None:
        self.sample_tokens.append(info["token"])
        for cam_name, image in info["images"].items():
            key = (info["token"], cam_name)
            self._poses[key] = camera_pose(info, cam_name)
            self._keys_of_file.setdefault(osp.basename(image["img_path"]), []).append(key)

    def __len__(self) -> int:
        """Number of camera images."""
        return len(self._poses)

    def pose(self, key: tuple[str, str]) -> CameraPose:
        """Pose of a camera."""
        return self._poses[key]


def class_ranges() -> np.ndarray:
    """(10,) metres: distance up to which each class is evaluated."""
    ranges = config_factory(EVAL_CONFIG).class_range
    return np.array([ranges[name] for name in CLASSES], dtype=float)
