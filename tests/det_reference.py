"""The reference detector: weights by parameter name, reference inputs and geometry."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from mmdet3d.registry import MODELS
from mmengine import Config
from torch import Tensor, nn

from epropnp_det.checkpoint import to_ours, to_published
from epropnp_det.models.proposals.selection import gather_proposals
from epropnp_det.models.structures import BatchGeometry, FeatureMaps, Proposals

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


def load_named_weights(model: nn.Module) -> None:
    """Give the detector the reference weights, converted from their published names."""
    published = to_published(model.state_dict(), "det-v2")
    shapes = {key: tuple(value.shape) for key, value in published.items()}
    model.load_state_dict(to_ours(named_state_dict(shapes), "det-v2"))


@contextmanager
def recorded_threads() -> Iterator[None]:
    """Two threads, whatever the caller has: on one, oneDNN sums convolutions in another order.

    On two or more threads float32 results repeat bit for bit, and are those of the recorded runs.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def run_from_images(model: nn.Module, golden: dict[str, np.ndarray]) -> SimpleNamespace:
    """Every stage of an inference run from images to object predictions, in the model's type.

    The objects are the recorded ones: which candidate comes last may depend on rounding.
    """
    head, dtype = model.bbox_head, next(model.parameters()).dtype
    geometry = reference_geometry(golden, dtype)
    with recorded_threads():
        backbone = model.backbone(reference_images().to(dtype))
        feats = model.neck(backbone)
        dense = head.forward_dense(feats, geometry)
        chosen = (torch.from_numpy(golden[f"sel_{name}"]) for name in ("img", "point", "label"))
        proposals = gather_proposals(dense.proposals, *chosen)
        stages = run_object_stages(head, dense.features, proposals, geometry)
    return SimpleNamespace(
        head=head,
        geometry=geometry,
        backbone=backbone,
        feats=feats,
        dense=dense,
        proposals=proposals,
        **vars(stages),
    )


@torch.no_grad()
def run_object_stages(
    head: nn.Module, features: FeatureMaps, proposals: Proposals, geometry: BatchGeometry
) -> SimpleNamespace:
    """The stages of given objects: embeddings, query, sampled points, predictions."""
    embeddings, query = head.object_query(
        proposals.embeddings,
        proposals.labels,
        proposals.centers,
        geometry.img_shapes[proposals.img_inds],
    )
    points = head.attention_sampler(embeddings, query, proposals, features, geometry)
    objects = head.predict_objects(features, proposals, geometry)
    return SimpleNamespace(embeddings=embeddings, query=query, points=points, objects=objects)


def max_difference(actual: Tensor, expected: np.ndarray) -> float:
    """Largest difference relative to the largest expected value."""
    expected = torch.from_numpy(np.asarray(expected, dtype=np.float64))
    assert actual.shape == expected.shape
    return float((actual.double() - expected).abs().max() / expected.abs().max())


def reference_images() -> torch.Tensor:
    """The (2, 3, 128, 256) input of the small reference runs."""
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.standard_normal((2, 3, 128, 256)).astype(np.float32))


def reference_geometry(golden, dtype: torch.dtype = torch.float32) -> BatchGeometry:
    """Geometry of the small reference run."""

    def read(name: str) -> Tensor:
        return torch.from_numpy(golden[name]).to(dtype)

    return BatchGeometry(
        cam_intrinsics=read("cam_intrinsic"),
        img_transforms=read("img_transform"),
        img_shapes=read("img_shapes"),
        ori_shapes=read("ori_shapes"),
        flips=torch.from_numpy(golden["flips"]),
        pad_shape=(128, 256),
    )
