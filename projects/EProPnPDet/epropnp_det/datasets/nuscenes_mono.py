"""Camera images of nuScenes, one item per image."""

import os.path as osp
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from mmdet3d.datasets import NuScenesDataset
from mmdet3d.registry import DATASETS
from mmengine.logging import print_log

from epropnp_data.errors import DatasetError
from epropnp_data.nuscenes.taxonomy import CAMERAS, CLASSES, task_labels, task_vocabulary
from epropnp_data.untrusted import inside

from .annotation_filter import AnnotationFilter
from .camera_annotations import CameraAnnotations, load_side_file, side_file_of
from .camera_poses import camera_matrix, camera_pose, rigid
from .checks import check_version, keyframe, load_info_file
from .image_items import ImageItems
from .preparation.tables import check_images, missing_files
from .remedy import create_data_command

DATA_PREFIX = {**{name: f"samples/{name}" for name in CAMERAS}, "pts": "samples/LIDAR_TOP"}


@DATASETS.register_module()
class NuScenesMonoDataset(ImageItems, NuScenesDataset):
    """Images of mmdet3d's nuScenes info files with the annotations of the side files.

    What can be wrong in the files of the data set is found when it is built; an image that cannot
    be read is passed over. Training keeps the annotations that pass the filter and leaves out
    images without any; test mode keeps all images.

    Args:
        data_root: folder with ``samples``.
        ann_file: info file, relative to the data root.
        pipeline: transforms.
        annotation_filter: keyword arguments of ``AnnotationFilter``.
        filter_empty_gt: leave out training images without a kept annotation.
        test_mode: load no annotations, keep all images in order.
        data_prefix: folder of each sensor; the nuScenes layout by default.
        metainfo: overrides of the meta information; ``classes`` may be a subset of the ten, in any
            order, and is then also that of the model (``bbox_head.classes``).
        indices: use only these images, or the first so many.
        lazy_init: do not read anything yet.

    Raises:
        DatasetError: a file is missing, outdated or belongs to other data.
        ValueError: a class that the detection task does not have.
    """

    METAINFO = {**vars(task_vocabulary()), "palette": NuScenesDataset.METAINFO["palette"]}

    def __init__(
        self,
        data_root: str,
        ann_file: str,
        pipeline: Sequence[dict | Callable] = (),
        annotation_filter: dict | None = None,
        filter_empty_gt: bool = True,
        test_mode: bool = False,
        data_prefix: dict | None = None,
        metainfo: dict | None = None,
        indices: int | Sequence[int] | None = None,
        lazy_init: bool = False,
    ):
        self.annotation_filter = AnnotationFilter(**(annotation_filter or {}))
        self._annotations: dict[str, CameraAnnotations] = {}
        task_labels((metainfo or self.METAINFO).get("classes", CLASSES))  # all are known
        super().__init__(
            data_root=data_root,
            ann_file=ann_file,
            pipeline=list(pipeline),
            box_type_3d="Camera",
            load_type="mv_image_based",
            modality={"use_camera": True, "use_lidar": False},
            filter_empty_gt=filter_empty_gt,
            test_mode=test_mode,
            data_prefix=dict(data_prefix or DATA_PREFIX),
            metainfo=metainfo,
            indices=indices,
            lazy_init=True,  # else mmdet3d prints a table of classes, all zero in test mode
        )
        if not lazy_init:
            self.full_init()

    def load_data_list(self) -> list[dict]:
        """One entry per camera image, in the order of the info file."""
        content = load_info_file(self.ann_file, self.data_root)
        version = content["metainfo"].get("version", "unknown")
        check_version(self.ann_file, self.data_root, version)
        for key, value in content["metainfo"].items():
            self._metainfo.setdefault(key, value)
        if not self.test_mode:
            self._annotations = load_side_file(side_file_of(self.ann_file), self.data_root)
        items = [item for info in content["data_list"] for item in self.parse_data_info(info)]
        self._annotations = {}
        if not items:
            raise DatasetError(
                f"{self.ann_file}: holds no keyframe. The splits of {version} are official "
                "scene names, and none of them is in the tables"
            )
        check_images(item["img_path"] for item in items)
        self._note_missing_lidar(items)
        return items

    @staticmethod
    def has_annotations(settings: dict) -> bool:
        """Whether the side file of a config's info file is there."""
        return side_file_of(Path(settings["data_root"]) / settings["ann_file"]).is_file()

    @property
    def annotation_file(self) -> str:
        """The side file."""
        return str(side_file_of(self.ann_file))

    def parse_data_info(self, info: dict) -> list[dict]:
        """Entries of the cameras of one keyframe."""
        with keyframe(self.ann_file, info):
            return [self._parse_image(info, cam_name) for cam_name in info["images"]]

    def _parse_image(self, info: dict, cam_name: str) -> dict:
        image = info["images"][cam_name]
        pose = camera_pose(info, cam_name)
        item = {
            "name": f"{info['token']} {cam_name}",
            "sample_token": info["token"],
            "cam_name": cam_name,
            "img_path": self._file(cam_name, image["img_path"]),
            "lidar_path": self._file("pts", info["lidar_points"]["lidar_path"]),
            "cam2img": camera_matrix(image["cam2img"]),
            "lidar2cam": rigid(image["lidar2cam"], "lidar2cam"),
            "cam2ego": pose.cam_to_ego,
            "ego2global": pose.ego_to_global,
            "box_type_3d": self.box_type_3d,
            "box_mode_3d": self.box_mode_3d,
        }
        if not self.test_mode:
            item["annotations"] = self._kept_annotations(image["sample_data_token"])
        return item

    def _file(self, sensor: str, name: str) -> str:
        return osp.join(self.data_prefix[sensor], inside(name, self.ann_file))

    def _kept_annotations(self, sample_data_token: str) -> CameraAnnotations:
        if sample_data_token not in self._annotations:
            version = self._metainfo.get("version")
            raise DatasetError(
                f"{side_file_of(self.ann_file)}: no entry for the image {sample_data_token} of "
                f"{self.ann_file}. Run: {create_data_command(self.data_root, version)}"
            )
        annotations = self._annotations[sample_data_token]
        labels = np.array([self.label_mapping[label] for label in annotations.labels.tolist()], int)
        annotations = replace(annotations, labels=labels)
        kept = annotations.select(self.annotation_filter(annotations) & (labels >= 0))
        self.num_refused += len(annotations) - len(kept)
        for label in kept.labels:
            self.num_ins_per_cat[label] += 1
        return kept

    def _note_missing_lidar(self, items: list[dict]) -> None:
        if self.test_mode:
            return
        files = list(dict.fromkeys(item["lidar_path"] for item in items))
        missing = missing_files(files)
        if missing:
            print_log(
                f"{len(missing)} of {len(files)} keyframes have no lidar file (first: "
                f"{missing[0]}); their images train without the lidar losses",
                "current",
            )
