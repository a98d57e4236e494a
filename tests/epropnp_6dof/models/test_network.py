"""Network against the recorded forward pass, initialisation statistics and checkpoint names."""

import json
from copy import deepcopy

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

import epropnp_6dof.models  # noqa: F401 - registers
from epropnp_6dof.checkpoint import from_published, to_published
from rounding import OTHER_ORDER
from sixdof_reference import reference_value

BACKBONE = dict(type="mmdet.ResNet", depth=34, out_indices=(3,), norm_eval=False)


@pytest.fixture(scope="module")
def network():
    init_default_scope("mmdet3d")
    return MODELS.build(
        dict(
            type="DensePoseEstimator",
            backbone=BACKBONE | dict(init_cfg=dict(type="Normal", layer="Conv2d", std=0.001)),
            head=dict(type="DenseCorrespondenceHead"),
            criterion=dict(type="MonteCarloCriterion"),
            solver=dict(type="EPnPRefineSolver"),
        )
    )


@pytest.fixture(scope="module")
def published_shapes(reference_dir):
    path = reference_dir / "spec" / "sixdof_v2_state_dict.json"
    return {key: tuple(shape) for key, shape in json.loads(path.read_text()).items()}


def test_names_and_shapes_are_the_published_ones(network, published_shapes):
    ours = {key: tuple(value.shape) for key, value in to_published(network.state_dict()).items()}
    assert ours == published_shapes
    assert sum(p.numel() for p in network.parameters()) == 27_210_997 - sum(
        int(np.prod(shape))
        for key, shape in published_shapes.items()
        if key.endswith(("running_mean", "running_var", "tracked", "norm_factor"))
    )


def test_initialisation_statistics_are_the_published_ones(network, reference_dir):
    torch.manual_seed(0)
    network.init_weights()
    path = reference_dir / "spec" / "sixdof_v2_init_stats.json"
    state = to_published(network.state_dict())
    for key, (mean, std) in json.loads(path.read_text()).items():
        value = state[key].double()
        if std == 0:
            assert value.min() == value.max() == mean, key
            continue
        error = 6 * std / value.numel() ** 0.5  # six standard errors of two samples
        assert abs(float(value.mean()) - mean) < 1.5 * error, key
        assert abs(float(value.std(correction=0)) - std) < 1.5 * error, key


def test_forward_equals_the_record(network, golden_file):
    named = to_published(network.state_dict())
    state = {key: reference_value(key, tuple(value.shape)) for key, value in named.items()}
    network.load_state_dict(from_published(state), strict=True)
    network.eval()
    image = torch.from_numpy(np.random.default_rng(0).random((2, 3, 256, 256)).astype(np.float32))
    found = outputs(network, image)
    exact = outputs(deepcopy(network).double(), image[:1].double())  # one image: it takes long
    record = np.load(golden_file("sixdof_v2.npz"))
    for key, ours in found.items():
        rounding = np.abs(record[key][:1] - exact[key]).max()
        assert rounding < 2e-5 * np.abs(record[key]).max(), key
        assert np.abs(ours - record[key]).max() <= OTHER_ORDER * rounding, key


def outputs(network, image):
    """What was recorded, of images (B, 3, H, W): backbone feature and maps."""
    with torch.no_grad():
        (feature,) = network.backbone(image)
        maps = network(image, mode="tensor")
    found = {"feat": feature, "x3d": maps.noc, "w2d": maps.weight_logits, "scale": maps.scale}
    return {key: value.numpy() for key, value in found.items()}


def test_unknown_checkpoint_name_is_refused_and_version_one_head_dropped():
    state = {"rot_head_net.out_layer.bias": torch.zeros(5), "trans_head_net.x": torch.zeros(1)}
    assert set(from_published(state)) == {"head.out_layer.bias"}
    with pytest.raises(KeyError, match="neck"):
        from_published({"neck.weight": torch.zeros(1)})


def test_mixed_precision_changes_the_maps_little():
    """`tools/test.py --amp`: maps come out in float32, solver and losses never see anything else.

    Some 25 layers each round to half a unit of the type; such errors add like a random walk.
    """
    init_default_scope("mmdet3d")
    torch.manual_seed(0)
    network = MODELS.build(
        dict(
            type="DensePoseEstimator",
            backbone=BACKBONE | dict(depth=18),
            head=dict(type="DenseCorrespondenceHead", channels=32),
            criterion=dict(type="MonteCarloCriterion"),
            solver=dict(type="EPnPRefineSolver"),
        )
    ).eval()
    crops, maps = torch.rand(2, 3, 64, 64), []
    for enabled in (False, True):
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            maps.append(network(crops))
    for plain, mixed in zip(*maps, strict=True):
        assert mixed.dtype == torch.float32
        error = (mixed - plain).square().mean().sqrt()
        assert 0 < error < 3 * torch.finfo(torch.bfloat16).eps * plain.square().mean().sqrt()
