"""A split of a BOP data set as crops of single objects."""

from collections import Counter
from pathlib import Path

import numpy as np
from mmdet3d.registry import DATASETS
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from epropnp_data.errors import DatasetError
from epropnp_mm.order import SeededItems
from epropnp_mm.skipping import PassesOverBadSamples

from ..bop.detections import Detection, read_detections
from ..bop.errors import BOPError
from ..bop.models import ObjectModel, read_models_info
from ..bop.scenes import ObjectInstance, SceneImage, read_targets
from .selection import InstanceFilter, count_listed, select_images, thin_out

BOX_FIELDS = ("bbox_obj", "bbox_visib")


@DATASETS.register_module()
class BOPDataset(SeededItems, PassesOverBadSamples, BaseDataset):
    """One entry per object in an image, cut out by its annotated or detected box.

    What is left out is counted and logged with its reason: images that are not on disk, annotations
    that nothing can be cut out for, detections of unknown objects. An image that cannot be read is
    passed over.

    Args:
        data_root: ``<root>/<dataset>``.
        split: folder below it that holds the scenes, for example ``train_pbr``.
        pipeline: transforms.
        selection: fields of `InstanceFilter`.
        models_dir: folder below ``data_root`` with ``models_info.json`` and the meshes, if any.
        detections: BOP or COCO detection file below ``data_root``; None crops annotated boxes.
            Without ``scene_id`` in it the split must have one scene only.
        targets: BOP target list below ``data_root``: of each object only as many detections as it
            asks for are kept, the best ones.
        box: annotated box to crop, ``bbox_obj`` (whole silhouette) or ``bbox_visib``.
        test_mode: as mmengine's.

    Raises:
        ValueError: for an unknown ``box``.
        DatasetError: for files that are missing or damaged, a detection file of other images, or
            when nothing is left to cut out.
    """

    METAINFO = dict(task="6dof")

    def __init__(
        self,
        data_root: str,
        split: str,
        pipeline: list[dict],
        selection: dict | None = None,
        models_dir: str = "models",
        detections: str | None = None,
        targets: str | None = None,
        box: str = "bbox_obj",
        test_mode: bool = False,
    ) -> None:
        if box not in BOX_FIELDS:
            raise ValueError(f"box={box!r}: use one of {BOX_FIELDS}")
        self.split = split
        self.selection = InstanceFilter(**(selection or {}))
        self.models_dir = models_dir
        self.detections = detections
        self.targets = targets
        self.box = box
        self._left_out: Counter[str] = Counter()
        super().__init__(
            data_root=data_root, pipeline=pipeline, test_mode=test_mode, data_prefix={}
        )

    def load_data_list(self) -> list[dict]:
        """Crops in the order of scenes, images and annotations (or detections, best first)."""
        root = Path(self.data_root)
        models = read_models_info(root / self.models_dir)
        images = select_images(root, self.split, self.selection)
        if self.selection.image_file is None:
            self._note("images that are not on disk", count_listed(root, self.split) - len(images))
        if self.detections is None:
            entries = [
                self._annotated(image, instance, models)
                for image in images
                for instance in image.instances
                if self._is_usable(instance, models)
            ]
        else:
            entries = self._detected(images, models)
        self._report(entries)
        return thin_out(entries, self.selection.max_per_object)

    def _note(self, reason: str, count: int = 1) -> None:
        if count:
            self._left_out[reason] += count

    def _report(self, entries: list[dict]) -> None:
        reasons = ", ".join(f"{count} {reason}" for reason, count in self._left_out.items())
        source = self.detections or "scene_gt.json"
        name = f"{Path(self.data_root) / self.split} ({source})"
        if not entries:
            raise DatasetError(
                f"{name}: no object is left to cut out: {reasons or 'none is there'}"
            )
        if reasons:
            print_log(f"{name}: {len(entries)} objects; left out: {reasons}", "current")

    def _is_usable(self, instance: ObjectInstance, models: dict[int, ObjectModel]) -> bool:
        """Whether a crop can be made of an annotation; the reason why not is counted."""
        if not self.selection.accepts(instance):
            self._note("annotations that the selection refuses")
            return False
        model, distance = models.get(instance.obj_id), float(instance.pose.translation[2])
        if distance <= 0:
            self._note("annotated objects behind the camera")
        elif model is not None and np.linalg.norm(instance.pose.translation) < model.diameter / 2:
            self._note("annotated objects that hold the camera (cam_t_m2c in metres?)")
        elif min(getattr(instance, self.box)[2:]) <= 0:
            self._note(f"annotations whose {self.box} has no extent (no scene_gt_info.json?)")
        else:
            return True
        return False

    def _annotated(
        self, image: SceneImage, instance: ObjectInstance, models: dict[int, ObjectModel]
    ) -> dict:
        entry = self._entry(image, instance.obj_id, getattr(instance, self.box), 1.0, models)
        mask_path = instance.mask_path
        return entry | dict(
            gt_index=instance.gt_index,
            pose=instance.pose,
            mask_path=None if mask_path is None else str(mask_path),
        )

    def _detected(self, images: list[SceneImage], models: dict[int, ObjectModel]) -> list[dict]:
        root = Path(self.data_root)
        if not (root / self.detections).is_file():
            raise DatasetError(f"{root / self.detections}: no such detection file")
        found = read_detections(root / self.detections)
        targets = None if self.targets is None else read_targets(root / self.targets)
        scenes = {image.scene_id for image in images}
        unnamed = any(scene_id is None for scene_id, _ in found)
        if unnamed and len(scenes) > 1:
            raise BOPError(
                f"{root / self.detections}: detections without scene_id, but the split has scenes "
                f"{sorted(scenes)}"
            )
        if not found.keys() & {(None if unnamed else i.scene_id, i.im_id) for i in images}:
            raise DatasetError(
                f"{root / self.detections}: none of its {len(found)} images is in "
                f"{self.split}; give the detections of this split"
            )
        entries = []
        for image in images:
            candidates = found.pop((None if unnamed else image.scene_id, image.im_id), [])
            best = self._best(image, candidates, targets)
            self._note(
                "detections that targets or selection leave out", len(candidates) - len(best)
            )
            for item in best:
                if item.obj_id in models:
                    entries.append(self._entry(image, item.obj_id, item.box, item.score, models))
                else:
                    self._note("detections of objects that are not in models_info.json")
        self._note("detections in other images", sum(map(len, found.values())))
        return entries

    def _best(
        self, image: SceneImage, candidates: list[Detection], targets: dict | None
    ) -> list[Detection]:
        wanted = self.selection.obj_ids
        candidates = [c for c in candidates if wanted is None or c.obj_id in wanted]
        if targets is None:
            return candidates
        kept = []
        for obj_id in dict.fromkeys(c.obj_id for c in candidates):
            count = targets.get((image.scene_id, image.im_id, obj_id), 0)
            kept += [c for c in candidates if c.obj_id == obj_id][:count]
        return kept

    def _entry(
        self,
        image: SceneImage,
        obj_id: int,
        box: tuple[float, ...],
        score: float,
        models: dict[int, ObjectModel],
    ) -> dict:
        if obj_id not in models:
            raise BOPError(
                f"{image.path}: object {obj_id} is not in models_info.json; its size is needed "
                "even to train without a mesh"
            )
        return dict(
            img_path=str(image.path),
            scene_id=image.scene_id,
            im_id=image.im_id,
            obj_id=obj_id,
            box=tuple(box),
            score=score,
            data_root=str(self.data_root),
            models_dir=self.models_dir,
            cam_mat=image.cam_mat,
            coord_scale=models[obj_id].coord_scale,
        )
