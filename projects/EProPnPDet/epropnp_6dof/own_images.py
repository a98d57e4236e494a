"""A trained 6DoF network as a function of an image, its camera and boxes of known objects.

infer = Pose6DoF(config, checkpoint, models_dir)
found = infer(image, intrinsics, [ObjectBox(obj_id=1, box=(200, 120, 80, 90))])
found.result.objects, found.arrays
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from mmengine.registry import init_default_scope

from epropnp_data.images import Camera, undistort
from epropnp_results import ImageResult
from epropnp_results.analysis import Calibration

from .bop.models import ObjectModel, read_models_info
from .datasets.coordinate_cache import CoordinateCache
from .explained_results import explain_image, label_of
from .inference import ImageObject, load_inferencer


class ObjectBox(NamedTuple):
    """Where an object is.

    Attributes:
        obj_id: number of its model.
        box: x, y, w, h, pixels.
        score: of the detection.
    """

    obj_id: int
    box: tuple[float, float, float, float]
    score: float = 1.0


class FoundPoses(NamedTuple):
    """Poses in one image.

    Attributes:
        result: record; objects that the solver gave up are left out.
        arrays: correspondences, samples of the density and small pictures of the objects.
        image: (h, w, 3) BGR, without lens distortion; pixels of the record are pixels of it.
    """

    result: ImageResult
    arrays: dict[str, np.ndarray]
    image: np.ndarray


class Pose6DoF:
    """Find poses of objects in images of any size.

    Args:
        config: file of the network's config; its test pipeline prepares the crops.
        checkpoint: its weights. A calibration beside it (tools/report_6dof.py) is used for
            densities, intervals and trust.
        models_dir: folder with BOP's ``models_info.json``; meshes in it are only drawn.
        device: for example "cpu" or "cuda:0".

    Raises:
        CheckpointError: the checkpoint is missing or belongs to another model.
        FileNotFoundError: there is no ``models_info.json``.
    """

    def __init__(self, config: str, checkpoint: str, models_dir: str | Path, device: str = "cpu"):
        init_default_scope("mmdet3d")
        self.models: dict[int, ObjectModel] = read_models_info(Path(models_dir))
        self.meshes = CoordinateCache(Path(models_dir), None)
        self.inferencer = load_inferencer(config, checkpoint, device)
        self.calibration = Calibration.beside(checkpoint)
        self.classes = [label_of(obj_id) for obj_id in sorted(self.models)]

    def __call__(
        self,
        image: np.ndarray,
        intrinsics: np.ndarray | Camera,
        boxes: Sequence[ObjectBox],
        name: str = "image",
    ) -> FoundPoses:
        """Poses of the objects in the boxes.

        Args:
            image: (h, w, 3) BGR, uint8.
            intrinsics: (3, 3), OpenCV's pixels (the first one's centre is 0), or a camera, whose
                distortion is taken out of image and boxes first.
            boxes: of the image as given.
            name: for the record.

        Raises:
            ValueError: an object without a model.
        """
        camera = intrinsics if isinstance(intrinsics, Camera) else Camera(np.array(intrinsics))
        straight = undistort(image, camera)
        targets = [self._target(name, straight, camera, item) for item in boxes]
        found = [item for item in self.inferencer(targets) if item.valid]
        cam_mat = np.asarray(camera.intrinsics, dtype=float)
        solver = self.inferencer.model.solver
        result, arrays = explain_image(
            straight, name, cam_mat, found, solver, self.models, self.meshes, self.calibration
        )
        return FoundPoses(replace(result, image=""), arrays, straight)

    def _target(self, name: str, image: np.ndarray, camera: Camera, item: ObjectBox) -> ImageObject:
        if item.obj_id not in self.models:
            known = ", ".join(map(str, sorted(self.models)))
            raise ValueError(
                f"object {item.obj_id} has no model; models_info.json has those of {known}"
            )
        return ImageObject(
            image_path=Path(name),
            obj_id=item.obj_id,
            box=straight_box(item.box, camera),
            score=item.score,
            cam_mat=np.asarray(camera.intrinsics, dtype=float),
            coord_scale=self.models[item.obj_id].coord_scale,
            image=image,
        )


def straight_box(
    box: tuple[float, float, float, float], camera: Camera
) -> tuple[float, float, float, float]:
    """Bounds x, y, w, h of a box's outline once lens distortion is taken out."""
    if camera.distortion is None:
        return tuple(map(float, box))
    x, y, w, h = box
    steps = np.linspace(0, 1, 9)
    outline = [(x + w * s, y + h * t) for s in steps for t in (0, 1)]
    outline += [(x + w * s, y + h * t) for s in (0, 1) for t in steps]
    matrix = np.asarray(camera.intrinsics, dtype=float)
    points = cv2.undistortPoints(
        np.array(outline)[:, None], matrix, camera.distortion, P=matrix
    ).reshape(-1, 2)
    low, high = points.min(0), points.max(0)
    return (*low.tolist(), *(high - low).tolist())
