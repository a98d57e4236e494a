"""The reference detector: weights by parameter name, reference inputs and geometry."""

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from mmdet3d.registry import MODELS
from mmengine import Config
from torch import Tensor, nn

from epropnp_det.checkpoint import to_ours
from epropnp_det.models.structures import BatchGeometry

_SUFFIX_SCALES = {
    "bn3.weight": 0.25,
    "conv_offset.weight": 0.1,
    "sampling_offsets.weight": 1.5,
}
_SUFFIX_SHIFTS = {
    "bbox_head.w2d_scale_branch.bias": 3.0,
    "detector.conv_cls.bias": -1.5,
}


def named_weight(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Weight of a published parameter, a pure function of its name."""
    noise = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape)
    value = _scaled_noise(key, noise)
    for suffix, scale in _SUFFIX_SCALES.items():
        value = value * scale if key.endswith(suffix) else value
    for suffix, shift in _SUFFIX_SHIFTS.items():
        value = value + shift if key.endswith(suffix) else value
    return torch.from_numpy(np.asarray(value, dtype=np.float32))


def _scaled_noise(key: str, noise: np.ndarray) -> np.ndarray:
    leaf = key.rsplit(".", 1)[-1]
    if leaf in ("norm_factor", "mean_inv_std"):
        return np.ones_like(noise)
    if leaf == "running_mean":
        return 0.01 * noise
    if leaf == "running_var":
        return 1 + 0.1 * np.abs(noise)
    if leaf == "bias" or leaf.endswith("_bias"):
        return 0.01 * noise
    if noise.ndim >= 2:
        return noise * np.sqrt(2 / np.prod(noise.shape[1:]))
    if leaf == "weight":
        return 1 + 0.1 * np.abs(noise)
    return 1 + 0.1 * noise


def named_state_dict(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """Weights of a published state dict given the shapes of its entries."""
    return {
        key: torch.tensor(0) if key.endswith("num_batches_tracked") else named_weight(key, shape)
        for key, shape in shapes.items()
    }


def build_detector(repo_dir: Path) -> nn.Module:
    """The full v2 detector of the published weights, without pretrained weights."""
    folder = repo_dir / "configs/epropnp_det/published"
    model = Config.fromfile(folder / "epropnp-det-v2_r101-dcn-fpn_2xb6-12e_nus-mono3d.py").model
    model.backbone.pop("init_cfg")
    return MODELS.build(model)


def load_named_weights(model: nn.Module, reference_dir: Path) -> None:
    """Give the detector the reference weights, converted from their published names."""
    shapes = json.loads((reference_dir / "spec/det_v2_state_dict.json").read_text())
    model.load_state_dict(to_ours(named_state_dict(shapes), "det-v2"))


def max_difference(actual: Tensor, expected: np.ndarray) -> float:
    """Largest difference relative to the largest expected value."""
    expected = torch.from_numpy(np.asarray(expected, dtype=np.float64))
    assert actual.shape == expected.shape
    return float((actual.double() - expected).abs().max() / expected.abs().max())


def reference_images() -> torch.Tensor:
    """The (2, 3, 128, 256) input of the small reference runs."""
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.standard_normal((2, 3, 128, 256)).astype(np.float32))


def reference_geometry(golden) -> BatchGeometry:
    """Geometry of the small reference run."""
    return BatchGeometry(
        cam_intrinsics=torch.from_numpy(golden["cam_intrinsic"]),
        img_transforms=torch.from_numpy(golden["img_transform"]),
        img_shapes=torch.from_numpy(golden["img_shapes"]),
        ori_shapes=torch.from_numpy(golden["ori_shapes"]),
        flips=torch.from_numpy(golden["flips"]),
        pad_shape=(128, 256),
    )
