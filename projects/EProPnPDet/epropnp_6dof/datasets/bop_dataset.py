"""A split of a BOP data set as crops of single objects."""

from pathlib import Path

from mmdet3d.registry import DATASETS
from mmengine.dataset import BaseDataset

from epropnp_data.errors import DatasetError
from epropnp_mm.order import SeededItems

from ..bop.detections import Detection, read_detections
from ..bop.models import ObjectModel, read_models_info
from ..bop.scenes import ObjectInstance, SceneImage, read_targets
from .selection import InstanceFilter, select_images, thin_out

BOX_FIELDS = ("bbox_obj", "bbox_visib")


@DATASETS.register_module()
class BOPDataset(SeededItems, BaseDataset):
    """One entry per object in an image, cut out by its annotated or detected box.

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
        DatasetError: for a detection file that is missing or of other images.
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
        super().__init__(
            data_root=data_root, pipeline=pipeline, test_mode=test_mode, data_prefix={}
        )

    def load_data_list(self) -> list[dict]:
        """Crops in the order of scenes, images and annotations (or detections, best first)."""
        root = Path(self.data_root)
        models = read_models_info(root / self.models_dir)
        images = select_images(root, self.split, self.selection)
        if self.detections is None:
            entries = [
                self._annotated(image, instance, models)
                for image in images
                for instance in image.instances
                if self.selection.accepts(instance)
            ]
        else:
            entries = self._detected(images, models)
        return thin_out(entries, self.selection.max_per_object)

    def _annotated(
        self, image: SceneImage, instance: ObjectInstance, models: dict[int, ObjectModel]
    ) -> dict:
        box = getattr(instance, self.box)
        if min(box[2:]) <= 0:
            raise ValueError(
                f"{image.path}: object {instance.obj_id} has {self.box} {box}; give detections or "
                "a scene_gt_info.json"
            )
        entry = self._entry(image, instance.obj_id, box, 1.0, models)
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
            raise ValueError(
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
            candidates = found.get((None if unnamed else image.scene_id, image.im_id), [])
            for detection in self._best(image, candidates, targets):
                if detection.obj_id in models:
                    entries.append(
                        self._entry(image, detection.obj_id, detection.box, detection.score, models)
                    )
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
            raise ValueError(
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
