"""Poses of objects in one's own images."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.runner import load_checkpoint
from torch import nn

from epropnp_data.geometry.rigid import RigidPose
from epropnp_mm.engine import check_checkpoint

from .models.rotations import quaternion_to_matrix
from .models.structures import CropBatch, DenseMaps, PoseDataSample, stack_crops

BATCH_SIZE = 16


@dataclass(frozen=True)
class ImageObject:
    """One object to be found.

    Attributes:
        image_path: the image.
        obj_id: object.
        box: x, y, w, h in pixels.
        score: confidence of the detection.
        cam_mat: (3, 3) intrinsics of the image.
        coord_scale: (3,) metres, |min| of the object's box.
        scene_id: for BOP results.
        im_id: for BOP results.
        image: (h, w, 3) BGR, taken instead of the file where it is given.
    """

    image_path: Path
    obj_id: int
    box: tuple[float, float, float, float]
    score: float
    cam_mat: np.ndarray
    coord_scale: np.ndarray
    scene_id: int = 0
    im_id: int = 0
    image: np.ndarray | None = None


@dataclass(frozen=True)
class ObjectPose:
    """What was found.

    Attributes:
        target: the object asked for.
        pose: object to camera, metres.
        covariance: (6, 6) of translation (metres) and rotation vector (radians, camera axes,
            applied on the left), or None.
        valid: whether the solver found a pose.
        maps: dense maps of this crop, without batch axis.
        crop: geometry of the crop, batch of one.
    """

    target: ImageObject
    pose: RigidPose
    covariance: np.ndarray | None
    valid: bool
    maps: DenseMaps
    crop: CropBatch


@dataclass(frozen=True)
class PoseInferencer:
    """A trained network and its test pipeline.

    Attributes:
        model: network in evaluation mode.
        pipeline: from an `ImageObject` as dict to a packed crop.
    """

    model: nn.Module
    pipeline: Compose

    @torch.no_grad()
    def __call__(self, targets: list[ImageObject]) -> list[ObjectPose]:
        """Poses of objects, in the order asked for."""
        found = []
        for start in range(0, len(targets), BATCH_SIZE):
            found += self._batch(targets[start : start + BATCH_SIZE])
        return found

    def _batch(self, targets: list[ImageObject]) -> list[ObjectPose]:
        data = pseudo_collate([self.pipeline(_results(target)) for target in targets])
        data = self.model.data_preprocessor(data, training=False)
        samples = self.model(data["inputs"], data["data_samples"], mode="predict")
        return [object_pose(*pair) for pair in zip(targets, samples, strict=True)]


def object_pose(target: ImageObject, sample: PoseDataSample) -> ObjectPose:
    """What a network found, from its data sample with predictions."""
    pose = sample.pred_pose.cpu().double()
    return ObjectPose(
        target,
        RigidPose(quaternion_to_matrix(pose[3:]).numpy(), pose[:3].numpy()),
        _vector_covariance(sample.get("pred_covariance")),
        bool(sample.pred_valid),
        DenseMaps(*(sample.pred_maps.get(name).cpu() for name in DenseMaps._fields)),
        CropBatch(*(None if field is None else field.cpu() for field in stack_crops([sample]))),
    )


def target_of(sample: PoseDataSample) -> ImageObject:
    """The object that a data sample of a data set asks for."""
    return ImageObject(
        image_path=Path(sample.img_path),
        obj_id=sample.obj_id,
        box=sample.box,
        score=sample.score,
        cam_mat=sample.cam_mat,
        coord_scale=sample.crop.coord_scale.cpu().numpy(),
        scene_id=sample.scene_id,
        im_id=sample.im_id,
    )


def load_inferencer(config: str, checkpoint: str, device: str = "cpu") -> PoseInferencer:
    """Build the network of a config and load a checkpoint.

    Raises:
        CheckpointError: it is missing, unsafe, or of another network.
    """
    cfg = Config.fromfile(config)
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(cfg.model)
    check_checkpoint(model, checkpoint, strict=True)
    load_checkpoint(model, checkpoint, map_location="cpu", strict=True)
    pipeline = [dict(step, _scope_="mmdet3d") for step in cfg.test_dataloader.dataset.pipeline]
    return PoseInferencer(model.to(device).eval(), Compose(pipeline))


def _results(target: ImageObject) -> dict:
    known = {} if target.image is None else dict(image=target.image)
    return known | dict(
        img_path=str(target.image_path),
        scene_id=target.scene_id,
        im_id=target.im_id,
        obj_id=target.obj_id,
        box=target.box,
        score=target.score,
        cam_mat=target.cam_mat,
        coord_scale=target.coord_scale,
    )


def _vector_covariance(covariance: torch.Tensor | None) -> np.ndarray | None:
    """Covariance (6, 6) with the solver's quaternion step d as the rotation vector -2 d."""
    if covariance is None:
        return None
    factor = np.array([1.0, 1, 1, -2, -2, -2])
    return covariance.cpu().double().numpy() * factor[:, None] * factor
