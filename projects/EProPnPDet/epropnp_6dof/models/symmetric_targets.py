"""Targets of symmetric objects: of all equivalent poses, the one nearest to the prediction."""

import torch
from torch import Tensor

from epropnp.conversions import rotation_to_quaternion

from .rotations import quaternion_to_matrix
from .structures import CropBatch, DenseMaps


def nearest_targets(maps: DenseMaps, batch: CropBatch) -> CropBatch:
    """Replace pose and coordinates of each crop by their nearest equivalent.

    A symmetry S leaves the object unchanged, so pose T and coordinates p may as well be T S and
    S^-1 p. The equivalent whose coordinates have the least masked L1 distance from the prediction
    is taken, without gradient: the network may settle on either, and is never pulled to their
    average. A crop without coordinate target keeps the annotated pose.

    Args:
        maps: predictions of B crops.
        batch: targets; ``symmetries`` may be None.
    """
    if batch.symmetries is None or batch.symmetries.shape[1] < 2 or batch.noc_gt is None:
        return batch
    with torch.no_grad():
        candidates = equivalent_coordinates(batch)
        distance = (batch.mask_gt[:, None] * (candidates - maps.noc[:, None])).abs()
        best = distance.mean(dim=(2, 3, 4)).argmin(
            dim=1
        )  # the first, which is as annotated, on ties
        rows = torch.arange(len(best), device=best.device)
        chosen = batch.symmetries[rows, best]
        poses = compose(batch.poses_gt, chosen)
    return batch._replace(poses_gt=poses, noc_gt=candidates[rows, best])


def equivalent_coordinates(batch: CropBatch) -> Tensor:
    """Normalised target coordinates under each symmetry, (B, S, 3, h, w)."""
    scale = batch.coord_scale[:, :, None, None]
    inverse = torch.linalg.inv(batch.symmetries)
    points_obj = batch.noc_gt * scale
    moved = torch.einsum("bsij,bjhw->bsihw", inverse[..., :3, :3], points_obj)
    moved = moved + inverse[..., :3, 3, None, None]
    return moved / scale[:, None]


def compose(poses: Tensor, transforms: Tensor) -> Tensor:
    """Poses (B, 7) applied after transforms (B, 4, 4) of the object frame."""
    rotations = quaternion_to_matrix(poses[:, 3:])
    translations = (rotations @ transforms[:, :3, 3:])[..., 0] + poses[:, :3]
    quaternions = rotation_to_quaternion(rotations @ transforms[:, :3, :3])
    return torch.cat((translations, quaternions), dim=-1)
