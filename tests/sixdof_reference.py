"""Deterministic weights of the recorded 6DoF forward pass, and random batches of crops."""

import zlib

import numpy as np
import torch

from epropnp_6dof.models.structures import CropBatch

TRANSPOSED = tuple(f"rot_head_net.features.{index}.weight" for index in (0, 9, 18))


def _base_value(key: str, shape: tuple[int, ...], noise: np.ndarray) -> np.ndarray:
    leaf = key.rsplit(".", 1)[-1]
    if leaf in ("norm_factor", "num_batches_tracked"):
        return np.full(shape, float(leaf == "norm_factor"))
    if leaf in ("running_mean", "bias"):
        return 0.01 * noise
    if len(shape) < 2:
        return 1 + 0.1 * np.abs(noise)
    fan_in = shape[0] * 9 / 4 if key in TRANSPOSED else np.prod(shape[1:])
    return noise * np.sqrt(2 / fan_in)


def reference_value(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Parameter or buffer of the recorded network, a function of its published name alone."""
    noise = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape)
    value = _base_value(key, shape, noise)
    if key.endswith("bn2.weight"):
        value = value * 0.5
    if key.endswith(("out_layer.weight", "scale_branch.weight")):
        value = value * 0.02
    if key.endswith("scale_branch.bias"):
        value = value + 3
    return torch.from_numpy(np.asarray(value)).float()


def synthetic_crops(batch_size: int = 3, size: int = 16, seed: int = 0):
    """Crops of a curved surface whose true coordinates are known: (batch, maps' noc (B,3,h,w))."""
    generator = torch.Generator().manual_seed(seed)
    angle = torch.randn(batch_size, 4, generator=generator)
    poses = torch.cat((torch.tensor([[0.02, -0.03, 0.8]]).repeat(batch_size, 1), angle), -1)
    poses[:, 3:] /= poses[:, 3:].norm(dim=-1, keepdim=True)
    cam_mats = torch.tensor([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]).repeat(batch_size, 1, 1)
    step = torch.full((batch_size,), 64.0 / size)
    centre = (cam_mats @ poses[:, :3, None])[..., 0]
    origin = centre[:, :2] / centre[:, 2:] - step[:, None] * (size - 1) / 2
    scale = torch.tensor([[0.04, 0.05, 0.06]]).repeat(batch_size, 1)
    batch = CropBatch(cam_mats, origin, step, scale, poses)
    noc = _surface_coordinates(batch, size, generator) / scale[..., None, None]
    mask = torch.ones(batch_size, 1, size, size)
    return batch._replace(noc_gt=noc, mask_gt=mask)


def _surface_coordinates(batch: CropBatch, size: int, generator: torch.Generator) -> torch.Tensor:
    from epropnp_6dof.models.correspondences import grid_pixels
    from epropnp_6dof.models.rotations import quaternion_to_matrix

    pixels = grid_pixels(batch, size, size)
    rays = torch.cat((pixels, torch.ones_like(pixels[..., :1])), -1)
    rays = rays @ torch.linalg.inv(batch.cam_mats).mT
    depth = batch.poses_gt[:, None, 2:3] + 0.04 * torch.randn(
        rays[..., :1].shape, generator=generator
    )
    centred = rays * depth - batch.poses_gt[:, None, :3]
    points = centred @ quaternion_to_matrix(batch.poses_gt[:, 3:])
    return points.mT.reshape(len(points), 3, size, size)
