"""Hand a crop to the network."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS
from mmengine.structures import BaseDataElement

from epropnp.conversions import rotation_to_quaternion

from ...models.structures import PoseDataSample

META_KEYS = ("scene_id", "im_id", "obj_id", "score", "img_path", "cam_mat", "image_shape")
META_KEYS += ("box", "num_cells", "data_root", "models_dir")


@TRANSFORMS.register_module()
class PackPoseInputs(BaseTransform):
    """``inputs`` (3, S, S) uint8 BGR and a `PoseDataSample` with float32 geometry and targets."""

    def transform(self, results: dict) -> dict:
        """Pack what earlier transforms made; annotations are optional."""
        fields = dict(
            cam_mats=_tensor(results["grid_cam_mat"]),
            grid_origin=_tensor(results["grid"].origin),
            grid_step=_tensor(results["grid"].step),
            coord_scale=_tensor(results["coord_scale"]),
        )
        if "pose" in results:
            fields["poses_gt"] = pose_vector(*results["pose"])
        if "symmetries" in results:
            fields["symmetries"] = _tensor(results["symmetries"])
        if "crop_coords" in results:
            noc = _tensor(results["crop_coords"]).movedim(-1, 0)
            fields["noc_gt"] = noc / fields["coord_scale"][:, None, None]
            fields["mask_gt"] = _tensor(results["crop_mask"])[None]
        sample = PoseDataSample(metainfo={key: results[key] for key in META_KEYS if key in results})
        sample.crop = BaseDataElement(**fields)
        image = np.ascontiguousarray(results["image"].transpose(2, 0, 1))
        return dict(inputs=torch.from_numpy(image), data_samples=sample)


def pose_vector(rotation: np.ndarray, translation: np.ndarray) -> torch.Tensor:
    """Pose (7,) float32 of a rotation matrix and a translation."""
    quaternion = rotation_to_quaternion(torch.as_tensor(rotation, dtype=torch.float64))
    return torch.cat((torch.as_tensor(translation, dtype=torch.float64), quaternion)).float()


def _tensor(value: np.ndarray | float) -> torch.Tensor:
    return torch.as_tensor(np.asarray(value), dtype=torch.float32)
