"""One's own images, from a plain file that is described in ``docs/custom_data.md``."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from mmdet3d.registry import DATASETS
from mmdet3d.structures import get_box_type
from mmengine.dataset import BaseDataset

from epropnp_data.custom import CustomImage, CustomSet, read_custom, size_statistics
from epropnp_data.errors import DatasetError
from epropnp_data.untrusted import inside
from epropnp_data.vocabulary import Vocabulary

from ..data_settings import detector_settings
from .annotation_filter import AnnotationFilter
from .camera_annotations import CameraAnnotations
from .custom_annotations import annotate_custom, ground_of
from .image_items import ImageItems
from .preparation.tables import missing_files


def metainfo_of(custom: CustomSet) -> dict:
    """What a model and an evaluator need to know of a set, in plain values.

    ``source``, the file; ``classes``, ``attributes``, ``attributes_of_class``; ``size_means`` and
    ``size_stds`` by class; ``with_velocity``.
    """
    statistics = size_statistics(custom)
    objects = (item for image in custom.images for item in image.objects or ())
    return dict(
        source=str(custom.path),
        **vars(custom.vocabulary),
        size_means=statistics.means,
        size_stds=statistics.stds,
        with_velocity=any(item.velocity is not None for item in objects),
    )


@DATASETS.register_module()
class CustomMonoDataset(ImageItems, BaseDataset):
    """Images, cameras and boxes of a plain file; everything in it is checked when it is built.

    Classes, attributes and the statistics of sizes come from the file and are in ``metainfo``.
    Images of tilted cameras are levelled when they are read; ``levelled_by`` (3, 3) says how.
    Training keeps the annotations that pass the filter and leaves out images without any; test
    mode keeps all images.

    Args:
        data_root: folder that file names of images are relative to.
        ann_file: the file, relative to the data root.
        pipeline: transforms.
        annotation_filter: keyword arguments of ``AnnotationFilter``.
        filter_empty_gt: leave out training images without a kept annotation.
        test_mode: load no annotations, keep all images in order.
        metainfo: overrides; ``classes`` may be some of the file's, in any order.
        indices: use only these images, or the first so many.
        lazy_init: do not read anything yet; ``metainfo`` is then what was given.

    Raises:
        DatasetError: the file or an image is missing, or a value is wrong.
        ValueError: a class that the file does not have.
    """

    def __init__(
        self,
        data_root: str,
        ann_file: str,
        pipeline: Sequence[dict | Callable] = (),
        annotation_filter: dict | None = None,
        filter_empty_gt: bool = True,
        test_mode: bool = False,
        metainfo: dict | None = None,
        indices: int | Sequence[int] | None = None,
        lazy_init: bool = False,
    ):
        self.annotation_filter = AnnotationFilter(**(annotation_filter or {}))
        self.filter_empty_gt = filter_empty_gt
        self.box_type_3d, self.box_mode_3d = get_box_type("Camera")
        super().__init__(
            ann_file=ann_file,
            metainfo=metainfo,
            data_root=data_root,
            pipeline=list(pipeline),
            test_mode=test_mode,
            indices=indices,
            lazy_init=lazy_init,
        )

    @staticmethod
    def read_metainfo(settings: dict) -> dict:
        """``metainfo`` that a data set of these settings (its config) will have.

        Raises:
            DatasetError: the file is missing or wrong.
        """
        custom = read_custom(Path(settings["data_root"]) / settings["ann_file"])
        return {**metainfo_of(custom), **(settings.get("metainfo") or {})}

    @staticmethod
    def model_settings(metainfo: dict) -> dict:
        """What the data mean for the model, see :func:`detector_settings`."""
        return detector_settings(metainfo, metainfo["source"])

    @staticmethod
    def has_annotations(settings: dict) -> bool:
        """Whether the file of a config says what is in its images."""
        return read_custom(Path(settings["data_root"]) / settings["ann_file"]).is_annotated

    def load_data_list(self) -> list[dict]:
        """One entry per image, in the order of the file."""
        custom = read_custom(self.ann_file)
        self._metainfo = {**metainfo_of(custom), **self._metainfo}
        names = custom.vocabulary.classes
        if unknown := [name for name in self._metainfo["classes"] if name not in names]:
            raise ValueError(
                f"classes {unknown} (metainfo.classes of the data set) are none of {names} in "
                f"{self.ann_file}"
            )
        if not self.test_mode and not custom.is_annotated:
            raise DatasetError(f"{self.ann_file}: has no annotations, which training needs")
        self.num_ins_per_cat = [0] * len(self._metainfo["classes"])
        items = [self._item(image, custom.vocabulary) for image in custom.images]
        if missing := missing_files(item["img_path"] for item in items):
            raise DatasetError(
                f"{missing[0]}: image is missing ({len(missing)} in all), which images[].file_name "
                f"of {self.ann_file} names. Put it there, or correct data_root of the config"
            )
        return items

    def _item(self, image: CustomImage, names: Vocabulary) -> dict:
        item = {
            "name": image.file_name,
            "sample_token": image.group or image.file_name,
            "cam_name": image.camera or "camera",
            "img_path": str(Path(self.data_root) / inside(image.file_name, self.ann_file)),
            "size_wh": (image.width, image.height),
            "cam2img": image.intrinsics,
            "cam2ego": image.camera_to_ego,
            "levelled_by": ground_of(image),
            "box_type_3d": self.box_type_3d,
            "box_mode_3d": self.box_mode_3d,
        }
        if not self.test_mode:
            item["annotations"] = self._kept(annotate_custom(image, names), names)
        return {key: value for key, value in item.items() if value is not None}

    def _kept(self, annotations: CameraAnnotations, names: Vocabulary) -> CameraAnnotations:
        classes = list(self._metainfo["classes"])
        mapping = [classes.index(name) if name in classes else -1 for name in names.classes]
        labels = np.array(mapping, dtype=np.int64)[annotations.labels]
        annotations = replace(annotations, labels=labels)
        kept = annotations.select(self.annotation_filter(annotations) & (labels >= 0))
        self.num_refused += len(annotations) - len(kept)
        for label in kept.labels:
            self.num_ins_per_cat[label] += 1
        return kept
