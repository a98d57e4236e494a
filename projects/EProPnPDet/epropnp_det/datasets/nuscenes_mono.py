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

from .annotation_filter import AnnotationFilter
from .camera_annotations import side_file_of
from .checks import check_version
from .image_items import ImageItems
from .image_table import ImageList, ImageTable, load_image_table
from .preparation.tables import check_images, missing_files

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
            serialize_data=False,  # the table is shared by the workers as it is
            lazy_init=True,  # else mmdet3d prints a table of classes, all zero in test mode
        )
        if not lazy_init:
            self.full_init()

    def load_data_list(self) -> ImageList:
        """One entry per camera image, in the order of the info file."""
        table = load_image_table(self.ann_file, self.data_root, not self.test_mode)
        version = table.metainfo.get("version", "unknown")
        check_version(self.ann_file, self.data_root, version)
        for key, value in table.metainfo.items():
            self._metainfo.setdefault(key, value)
        if len(table) == 0:
            raise DatasetError(
                f"{self.ann_file}: holds no keyframe. The splits of {version} are official "
                "scene names, and none of them is in the tables"
            )
        check_images(self._image_files(table))
        if not self.test_mode:
            table = self._kept(table)
            self._note_missing_lidar(table)
        common = dict(box_type_3d=self.box_type_3d, box_mode_3d=self.box_mode_3d)
        return ImageList(table, np.arange(len(table)), self.data_prefix, common)

    @staticmethod
    def has_annotations(settings: dict) -> bool:
        """Whether the side file of a config's info file is there."""
        return side_file_of(Path(settings["data_root"]) / settings["ann_file"]).is_file()

    @property
    def annotation_file(self) -> str:
        """The side file."""
        return str(side_file_of(self.ann_file))

    def images_with_annotations(self) -> ImageList:
        """See `ImageItems`."""
        return self.data_list.select(np.diff(self.data_list.table.ends, prepend=0) > 0)

    def _kept(self, table: ImageTable) -> ImageTable:
        """The objects of this data set's classes that pass the filter, with its labels."""
        mapping = np.array([self.label_mapping[label] for label in range(len(CLASSES))])
        objects = replace(table.objects, labels=mapping[table.objects.labels])
        passed = self.annotation_filter(objects) & (objects.labels >= 0)
        kept = objects.select(passed)
        self.num_refused += len(objects) - len(kept)
        counts = np.bincount(kept.labels, minlength=len(self.num_ins_per_cat))
        self.num_ins_per_cat = counts.tolist()
        total = np.concatenate(([0], np.cumsum(passed)))
        return replace(table, objects=kept, ends=total[table.ends])

    def _image_files(self, table: ImageTable) -> list[str]:
        names = zip(table.text("cam_name"), table.text("img_path"), strict=True)
        return [osp.join(self.data_prefix[cam_name], path) for cam_name, path in names]

    def _note_missing_lidar(self, table: ImageTable) -> None:
        files = [
            osp.join(self.data_prefix["pts"], path)
            for path in dict.fromkeys(table.text("lidar_path"))
        ]
        missing = missing_files(files)
        if missing:
            print_log(
                f"{len(missing)} of {len(files)} keyframes have no lidar file (first: "
                f"{missing[0]}); their images train without the lidar losses",
                "current",
            )
