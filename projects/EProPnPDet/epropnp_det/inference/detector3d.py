"""A trained detector as a function of an image and its camera."""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from mmdet3d.registry import MODELS, TRANSFORMS
from mmdet3d.structures import get_box_type
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint

from epropnp_data.images import Camera, LevelView, level_view, move_pixels, undistort
from epropnp_data.vocabulary import Vocabulary
from epropnp_mm.engine import check_checkpoint
from epropnp_mm.engine.model_from_data import complete_model, data_metainfo
from epropnp_mm.pose_summary import Corrections, PoseSummary, summarize
from epropnp_results import ImageResult, ObjectResult
from epropnp_results.analysis import Calibration

from ..models.inference import Explanation, explain
from .records import objects_of, turn_back


class Found(NamedTuple):
    """What was found in one image.

    Attributes:
        result: record; ``result.objects`` are the detections, best first.
        arrays: correspondences and densities of the objects, see ``docs/results_folder.md``.
        image: (h, w, 3) BGR, without lens distortion but as tilted as it came; pixels of the
            record are pixels of it.
    """

    result: ImageResult
    arrays: dict[str, np.ndarray]
    image: np.ndarray


class Detector3D:
    """Detect objects in images of any size.

    Args:
        config: config of the network or its file; its test pipeline prepares the images. A crop in
            it is left out for images of another size than it was made for.
        checkpoint: its weights. A calibration beside it (tools/analysis/analyze_results.py) is used
            for densities, intervals and trust.
        device: for example "cpu" or "cuda:0".
        score_thr: weaker detections are dropped.
        seed: of the random numbers of solver and sampler; the same batch gives the same results.
        level_images: level the images of tilted cameras, for networks trained on level ones; else
            they stay as they are and the pose solver is told where the ground is.

    Raises:
        CheckpointError: the checkpoint is missing or belongs to another model.
    """

    def __init__(
        self,
        config: str | Config,
        checkpoint: str,
        device: str = "cpu",
        score_thr: float = 0.1,
        seed: int = 0,
        level_images: bool = True,
    ):
        cfg = Config.fromfile(config) if isinstance(config, str) else copy.deepcopy(config)
        init_default_scope(cfg.get("default_scope", "mmdet3d"))
        complete_model(cfg, checkpoint)
        cfg.model.backbone.init_cfg = None
        model = MODELS.build(cfg.model)
        check_checkpoint(model, checkpoint, strict=True)
        load_checkpoint(model, checkpoint, map_location="cpu", strict=True)
        self.model = model.to(device).eval()
        self.pipeline = list(cfg.test_dataloader.dataset.pipeline)
        self.vocabulary = Vocabulary.of(data_metainfo(cfg, checkpoint))
        self.classes = list(self.vocabulary.classes)
        self.score_thr, self.seed, self.device = score_thr, seed, device
        self.level_images = level_images
        self.calibration = Calibration.beside(checkpoint)

    def __call__(
        self, image: np.ndarray, intrinsics: np.ndarray | Camera, name: str = "image"
    ) -> Found:
        """Detections of one image.

        Args:
            image: (h, w, 3) BGR, uint8.
            intrinsics: (3, 3) camera matrix, or a camera with distortion and tilt.
            name: for the record.
        """
        camera = intrinsics if isinstance(intrinsics, Camera) else Camera(np.array(intrinsics))
        (found,) = self.batch([image], [camera], [name])
        return found

    @torch.no_grad()
    def batch(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], names: Sequence[str]
    ) -> list[Found]:
        """Detections of several images, which may differ in size and camera.

        Records are of the original images, whether the network sees them levelled or not.

        Raises:
            CameraError: a camera is tilted too far to be levelled.
        """
        images = [undistort(image, camera) for image, camera in zip(images, cameras, strict=True)]
        tilts = [camera.camera_to_ground for camera in cameras]
        levelled = tilts if self.level_images else [None] * len(tilts)
        told = [None] * len(tilts) if self.level_images else tilts
        views = [
            level_view(image, camera.intrinsics, tilt)
            for image, camera, tilt in zip(images, cameras, levelled, strict=True)
        ]
        items = [
            self._prepare(view.image, camera.intrinsics, tilt)
            for view, camera, tilt in zip(views, cameras, told, strict=True)
        ]
        explained, summary = self._explain(items, views)
        records = objects_of(explained, summary, told, self.vocabulary)
        found, start = [], 0
        for index, own in enumerate(records):
            rows = slice(start, start + len(own))
            start += len(own)
            arrays = {key: array[rows] for key, array in summary.arrays.items()}
            camera = cameras[index]
            if levelled[index] is not None:
                own, arrays = _turned_back(own, arrays, views[index], camera.intrinsics)
            result = _image_result(names[index], images[index], camera, own)
            found.append(Found(result, arrays, images[index]))
        return found

    def _explain(
        self, items: list[dict], views: Sequence[LevelView]
    ) -> tuple[Explanation, PoseSummary]:
        """Detections of prepared items, and their densities in numbers."""
        data = self.model.data_preprocessor(pseudo_collate(items), training=False)
        feats = self.model.extract_feat(data["inputs"])
        generator = torch.Generator(self.device).manual_seed(self.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            explained = explain(
                self.model.bbox_head, feats, data["data_samples"], self.score_thr, generator
            )
            objects = explained.objects
            summary = summarize(
                explained.distribution,
                explained.poses,
                (objects.x3d, objects.x2d, objects.w2d_scaled),
                to_camera=_turns(explained, views),
                corrections=self._corrections(explained),
            )
        if objects.attention is not None:
            attention = objects.attention.cpu().numpy().astype(np.float16)
            summary = summary._replace(arrays=summary.arrays | dict(attention=attention))
        return explained, summary

    def _corrections(self, explained: Explanation) -> Corrections | None:
        """Of the calibration beside the checkpoint, for the classes found; None without one."""
        if self.calibration is None:
            return None
        labels = torch.cat([item.labels_3d for item in explained.instances]).tolist()
        place, heading = (
            explained.poses.new_tensor(
                [self.calibration.temperature(quantity, self.classes[label]) for label in labels]
            )
            for quantity in ("place", "heading")
        )
        margins = self.calibration.margins or None
        return Corrections(place, heading, self.calibration.levels, margins)

    def _prepare(
        self, image: np.ndarray, intrinsics: np.ndarray, camera_to_ground: np.ndarray | None
    ) -> dict:
        box_type, box_mode = get_box_type("Camera")
        item = dict(
            img=image,
            img_path="",
            cam2img=intrinsics,
            box_type_3d=box_type,
            box_mode_3d=box_mode,
        )
        if camera_to_ground is not None:
            item["camera_to_ground"] = camera_to_ground
        steps = [step for step in self.pipeline if not _misses(step, image.shape)]
        return Compose([TRANSFORMS.build(dict(step)) for step in steps])(item)


def _turns(explained: Explanation, views: Sequence[LevelView]) -> torch.Tensor:
    """Rotations (K, 3, 3) from level to original cameras of the objects."""
    pairs = zip(views, explained.instances, strict=True)
    turns = [np.repeat(view.to_camera[None], len(item), 0) for view, item in pairs]
    return torch.as_tensor(np.concatenate(turns))


def _turned_back(
    objects: list[ObjectResult],
    arrays: dict[str, np.ndarray],
    view: LevelView,
    intrinsics: np.ndarray,
) -> tuple[list[ObjectResult], dict[str, np.ndarray]]:
    """Objects of a level view, and their arrays, in the original image; none that lie beside it."""
    turned = [turn_back(item, view, intrinsics) for item in objects]
    seen = np.array([item.bbox is not None for item in turned], dtype=bool)
    arrays = {key: array[seen] for key, array in arrays.items()}
    pixels = move_pixels(view.to_pixels, arrays["points_image"])
    arrays["points_image"] = pixels.astype(np.float32)
    return [item for item in turned if item.bbox is not None], arrays


def _misses(step: dict, shape: tuple[int, ...]) -> bool:
    """Whether a step is a crop in pixels of images of another size."""
    if step["type"] != "MonoCrop" or step.get("unit", "pixel") == "fraction":
        return False
    _, _, right, bottom = step["region"]
    return (right, bottom) != (shape[1], shape[0])


def _image_result(name: str, image: np.ndarray, camera: Camera, objects: list) -> ImageResult:
    ground = camera.camera_to_ground
    return ImageResult(
        name=name,
        image="",
        width=image.shape[1],
        height=image.shape[0],
        intrinsics=np.asarray(camera.intrinsics, dtype=float).tolist(),
        camera_to_ground=None if ground is None else ground.tolist(),
        objects=objects,
    )
