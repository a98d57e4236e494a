"""Packing for heads that know one camera only, that of the network input.

mmdet3d's own monocular heads (FCOS3D, PGD) regress boxes in the frame of the pixels they see: a
crop or a resize changes their intrinsics, and a mirrored image shows a mirrored scene.
"""

import numpy as np
import torch
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import CameraInstance3DBoxes
from mmengine.structures import InstanceData

from epropnp_data.vocabulary import Vocabulary

from .packing import META_KEYS, PackMonoInputs


@TRANSFORMS.register_module()
class PackNetworkCameraInputs(PackMonoInputs):
    """Like :class:`PackMonoInputs`, with all ground truth in the camera of the network input.

    ``cam2img`` becomes that camera's matrix and ``scale_factor`` 1, so predictions are in the
    camera frame of the original image unless the image was flipped (training only).
    ``gt_instances_3d`` gets ``bboxes_3d`` with velocities (0 where unknown), ``centers_2d`` and
    ``depths``, unknown attributes count as none, whatever attributes the data set has;
    ``gt_instances`` gets ``bboxes`` and ``labels``.

    Args:
        meta_keys: names of the meta information to keep.
    """

    def __init__(self, meta_keys: tuple[str, ...] = META_KEYS):
        super().__init__(meta_keys)

    def transform(self, results: dict) -> dict:
        """Pack one item."""
        cam2img = network_camera(
            results["cam_intrinsic"], results["img_transform"], results["flip"]
        )
        packed = super().transform({**results, "cam2img": cam2img, "scale_factor": (1.0, 1.0)})
        if "gt_bboxes_3d" in results:
            self._pack_ground_truth(results, cam2img, packed["data_samples"])
        return packed

    @staticmethod
    def _pack_ground_truth(results: dict, cam2img: np.ndarray, sample) -> None:
        boxes = boxes_with_velocities(
            results["gt_bboxes_3d"], torch.from_numpy(results["velocities"]), results["flip"]
        )
        projected = boxes.gravity_center.double() @ torch.from_numpy(cam2img).T
        depths = boxes.gravity_center[:, 2]
        vocabulary: Vocabulary = results["vocabulary"]
        attributes = sample.gt_instances_3d.attr_labels
        sample.gt_instances_3d = InstanceData(
            bboxes_3d=boxes,
            labels_3d=sample.gt_instances_3d.labels_3d,
            attr_labels=torch.where(attributes < 0, vocabulary.no_attribute, attributes),
            centers_2d=(projected[:, :2] / projected[:, 2:]).float(),
            depths=depths,
        )
        sample.gt_instances = InstanceData(
            bboxes=torch.from_numpy(results["gt_bboxes"]),
            labels=sample.gt_instances_3d.labels_3d.clone(),
        )


def network_camera(cam_intrinsic: np.ndarray, img_transform: np.ndarray, flip: bool) -> np.ndarray:
    """Camera matrix (3, 3) of the network input, for scenes that are mirrored where it is."""
    mirror = np.diag([-1.0 if flip else 1.0, 1.0, 1.0])
    return img_transform @ cam_intrinsic.astype(np.float64) @ mirror


def boxes_with_velocities(
    boxes: CameraInstance3DBoxes, velocities: torch.Tensor, flip: bool
) -> CameraInstance3DBoxes:
    """Boxes (G, 9) with velocities (vx, vz) of a scene that is mirrored if ``flip``."""
    columns = torch.cat((boxes.tensor, velocities.nan_to_num()), dim=1)
    if flip:
        columns[:, 0] *= -1
        columns[:, 6] = torch.pi - columns[:, 6]
        columns[:, 7] *= -1
    return CameraInstance3DBoxes(columns, box_dim=9)
