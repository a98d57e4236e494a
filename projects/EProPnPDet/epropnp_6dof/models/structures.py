"""What travels between the stages of the network. Maps are h x w cells over the crop."""

from typing import NamedTuple

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor


class DenseMaps(NamedTuple):
    """Output of the head.

    Attributes:
        noc: (B, 3, h, w) object coordinates divided by the object's coordinate scale.
        weight_logits: (B, 2, h, w) for u and v.
        scale: (B, 2) positive global weight scale for u and v.
    """

    noc: Tensor
    weight_logits: Tensor
    scale: Tensor


class CropBatch(NamedTuple):
    """Geometry and targets of B crops.

    Attributes:
        cam_mats: (B, 3, 3) intrinsics in the pixel convention of the grid.
        grid_origin: (B, 2) pixel (u, v) of the first cell.
        grid_step: (B,) pixels between neighbouring cells.
        coord_scale: (B, 3) metres per unit of ``noc``.
        poses_gt: (B, 7), None at inference.
        noc_gt: (B, 3, h, w) target coordinates, None at inference.
        mask_gt: (B, 1, h, w) cells with a target in [0, 1]; all zero for an object without model.
        symmetries: (B, S, 4, 4) object-frame transforms (metres) that leave the object unchanged,
            the identity first and as padding; None if not asked for.
    """

    cam_mats: Tensor
    grid_origin: Tensor
    grid_step: Tensor
    coord_scale: Tensor
    poses_gt: Tensor | None = None
    noc_gt: Tensor | None = None
    mask_gt: Tensor | None = None
    symmetries: Tensor | None = None


class PosePredictions(NamedTuple):
    """Solved poses of B crops.

    Attributes:
        poses: (B, 7).
        covariances: (B, 6, 6) of the local step (translation, rotation) or None.
        valid: (B,) bool.
    """

    poses: Tensor
    covariances: Tensor | None
    valid: Tensor


class PoseDataSample(BaseDataElement):
    """One crop of one object.

    Metainfo: ``scene_id``, ``im_id``, ``obj_id``, ``score``, ``img_path``, ``cam_mat`` (3, 3),
    ``box`` (x, y, w, h), ``num_cells`` per side, ``data_root`` and ``models_dir``.
    Data: ``crop`` with the fields of :class:`CropBatch` without the batch axis; after prediction
    ``pred_pose`` (7,), ``pred_covariance`` (6, 6), ``pred_valid`` and ``pred_maps`` with the fields
    of :class:`DenseMaps`.
    """


def stack_crops(samples: list[PoseDataSample]) -> CropBatch:
    """Batch the crops of data samples; fields that the first one lacks stay None."""
    crops = [sample.crop for sample in samples]
    fields = {
        name: torch.stack([getattr(crop, name) for crop in crops])
        for name in CropBatch._fields
        if name in crops[0] and name != "symmetries"
    }
    if "symmetries" in crops[0]:
        fields["symmetries"] = _pad_with_identity([crop.symmetries for crop in crops])
    return CropBatch(**fields)


def _pad_with_identity(symmetries: list[Tensor]) -> Tensor:
    """Stack transforms (S_i, 4, 4) to (B, S, 4, 4)."""
    longest = max(map(len, symmetries))
    identity = torch.eye(4).to(symmetries[0])
    rows = [torch.cat((s, identity.expand(longest - len(s), 4, 4))) for s in symmetries]
    return torch.stack(rows)
