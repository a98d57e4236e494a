"""Last transform: tensors and a data sample for the network."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import Det3DDataSample
from mmengine.structures import InstanceData

META_KEYS = (
    "sample_idx",
    "sample_token",
    "cam_name",
    "img_path",
    "ori_shape",
    "img_shape",
    "scale_factor",
    "flip",
    "img_transform",
    "cam_intrinsic",
    "cam2img",
    "camera_to_ground",
    "levelled_by",
    "cam2ego",
    "ego2global",
    "box_type_3d",
    "box_mode_3d",
)
INSTANCE_KEYS = {
    "gt_bboxes": "bboxes",
    "gt_bboxes_3d": "bboxes_3d",
    "gt_labels_3d": "labels_3d",
    "attr_labels": "attr_labels",
    "velocities": "velocities",
    "truncation": "truncation",
    "visibility": "visibility",
}


@TRANSFORMS.register_module()
class PackMonoInputs(BaseTransform):
    """Collect the image, its meta information and its ground truth.

    ``data_samples.gt_instances_3d`` holds ``bboxes_3d``, ``labels_3d``, ``attr_labels``,
    ``velocities``, ``bboxes`` (aug pixels), ``truncation``, ``visibility`` and the lists
    ``points_obj``, ``points_uv`` of an array per object (handing a tensor from a worker to the
    training process takes longer than handing an array this small); ``data_samples.lidar_uvz`` all
    lidar points of the image. What the pipeline did not load is left out. Metainfo: see
    ``META_KEYS``.

    Args:
        meta_keys: names of the meta information to keep.
    """

    def __init__(self, meta_keys: tuple[str, ...] = META_KEYS):
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        """Pack one item."""
        sample = Det3DDataSample(
            metainfo={key: results[key] for key in self.meta_keys if key in results}
        )
        instances = InstanceData()
        for source, name in INSTANCE_KEYS.items():
            if source in results:
                instances[name] = _to_tensor(results[source])
        for name in ("points_obj", "points_uv"):
            if name in results and "gt_labels_3d" in results:
                instances[name] = results[name]
        sample.gt_instances_3d = instances
        if "lidar_uvz" in results:
            sample.set_field(_to_tensor(results["lidar_uvz"]), "lidar_uvz")
        img = torch.from_numpy(np.ascontiguousarray(results["img"].transpose(2, 0, 1)))
        return {"inputs": {"img": img}, "data_samples": sample}


def _to_tensor(value):
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value
