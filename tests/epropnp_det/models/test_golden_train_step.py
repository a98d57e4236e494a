"""A recorded training step as a whole: from images to the gradients of all parameters.

The recorded numbers are float32. Replayed in float64 they are met up to the rounding of the
recording, on every machine; replayed in float32, the type of real trainings, up to that of both
(``pytest -s`` prints the differences).

One term rounds badly: the step of the derivative regularisation inverts badly conditioned
matrices (random weights pose such problems). The recorded loss_reg_pos is 2.2e-5 away from
float64, the recorded loss_reg_orient 9e-6; ours in float32 are 3.2e-5 and 3e-6 away.
"""

import json
from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import init_default_scope

from det_reference import (
    build_detector,
    load_named_weights,
    recorded_threads,
    reference_images,
)
from det_replay import ReplayedPoseSolver
from det_train_reference import OBJECT_FIELDS, TrainReference, cast
from epropnp_det.checkpoint import DET_V2
from epropnp_det.models.proposals.selection import gather_proposals

LOSSES = {torch.float64: 1e-6, torch.float32: 1e-5}
# loss_reg_pos, loss_reg_orient: a step is solved for, which multiplies rounding; the recording's
# own, in float32, shows as up to 5e-5, and another order of our sums may show several times that
DERIVATIVES = {torch.float64: 5e-5, torch.float32: 5e-4}
SINGLE = ("bbox_head.query_scale.scale", "bbox_head.obj_query_scale.scale")


@pytest.fixture(scope="module")
def reference(golden_file):
    return TrainReference(golden_file)


def build_training_detector(repo_dir, dtype):
    """The full detector with the recorded weights, without dropout."""
    init_default_scope("mmdet3d")
    model = build_detector(repo_dir).train()
    load_named_weights(model)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model.to(dtype)


def spread_single_numbers(head):
    """Give every channel a scale of its own, with the same value: the gradient of the one number is
    the sum of theirs, which is small beside its parts."""
    for module, shape in [
        (head.object_query, (head.object_query.embed_dims,)),
        (head.correspondence_head, (head.correspondence_head.position_encoding.out_features, 1)),
    ]:
        name = "embedding_scale" if module is head.object_query else "query_scale"
        value = getattr(module, name).detach()
        setattr(module, name, torch.nn.Parameter(value.expand(shape).clone()))


@pytest.fixture(scope="module", params=[torch.float64, torch.float32], ids=str)
def step(request, reference, golden_file, repo_dir):
    """Losses of the recorded images, with the recorded samples, poses and random draws."""
    dtype = request.param
    model = build_training_detector(repo_dir, dtype)
    arrays = TrainReference(golden_file, dtype)
    head, geometry = model.bbox_head, arrays.geometry()
    spread_single_numbers(head)
    with recorded_threads():
        dense = head.forward_dense(
            model.neck(model.backbone(reference_images().to(dtype))), geometry
        )
        maps = cast(dense.proposals, torch.float32)
        targets = head.criterion.assign(maps, reference.geometry(), reference.data_samples())
        targets = cast(targets._replace(samples=reference.samples()), dtype)
        chosen = targets.samples
        proposals = gather_proposals(
            dense.proposals, chosen.img_inds, chosen.point_inds, chosen.labels
        )
        objects = head.predict_objects(dense.features, proposals, geometry)
        solver = ReplayedPoseSolver(arrays)
        losses = head.criterion(dense, objects, targets, geometry, solver)
        yield SimpleNamespace(**locals())


def test_targets(reference, step):
    recorded = reference.ground_truth()
    ours = cast(step.targets.ground_truth, torch.float32)
    for field in recorded._fields[:-1]:
        torch.testing.assert_close(
            getattr(ours, field), getattr(recorded, field), equal_nan=True, msg=field
        )
    assert all(map(torch.equal, ours.lidar, recorded.lidar))


def test_losses(reference, step):
    recorded = reference.losses()
    assert step.losses.keys() == recorded.keys()
    for name, loss in step.losses.items():
        print(f"{name:16s} {loss.item() / recorded[name] - 1:9.1e}")
        bounds = DERIVATIVES if name.startswith("loss_reg_") else LOSSES
        assert loss.item() == pytest.approx(recorded[name], rel=bounds[step.dtype]), name


def test_gradients_through_the_object_stages(reference, step):
    features = step.dense.features
    maps = {"key": features.key, "value": features.value}
    fields = {**OBJECT_FIELDS, "query": "query", "x2d": "x2d", "dim_enc": "dims_code"}
    tensors = {name: getattr(step.objects, field) for name, field in fields.items()} | maps
    compared = 0
    for loss_name, loss in step.losses.items():
        if not loss.requires_grad:
            continue
        gradients = torch.autograd.grad(
            loss, tensors.values(), retain_graph=True, allow_unused=True
        )
        for name, gradient in zip(tensors, gradients, strict=True):
            compared += check_gradient(reference, f"__{loss_name}__{name}", gradient)
    assert compared > 30


def check_gradient(reference, key, gradient):
    """Compare with what was recorded under the key: the gradient, its norm, or nothing."""
    if f"grad{key}" in reference.arrays:
        recorded = reference[f"grad{key}"].view_as(gradient)
        # by norm: rounding in the network may move a sample across the image bounds, where the
        # derivative of the clipped projection jumps
        error = (gradient - recorded).norm() / recorded.norm()
        print(f"grad{key:40s} {error:.1e}")
        assert error < (2e-3 if "loss_reg_" in key else 5e-4), key
        return True
    if f"gradnorm{key}" in reference.arrays:
        recorded = reference[f"gradnorm{key}"].item()
        print(f"norm{key:40s} {gradient.norm().item() / recorded - 1:.1e}")
        assert gradient.norm().item() == pytest.approx(recorded, rel=1e-3), key
        return True
    return False


def test_gradient_norm_of_every_parameter(golden_file, step):
    total = sum(loss for name, loss in step.losses.items() if "loss" in name)
    total.backward(retain_graph=True)
    gradients = {
        DET_V2.to_published(name): parameter.grad
        for name, parameter in step.model.named_parameters()
        if parameter.requires_grad
    }
    path = golden_file("det_v2_train_small_gradnorms.json")
    recorded = json.loads(path.read_text())
    assert gradients.keys() == recorded.keys()
    for name, gradient in gradients.items():
        found, bound = gradient.norm(), 1e-3
        if name in SINGLE:  # rounding of the parts adds in squares, and is large beside their sum
            bound *= gradient.norm() / gradient.sum().abs()
            found = gradient.sum().abs()
        error = (found / recorded[name] - 1).abs()
        if error > 2e-4:
            print(f"{name:48s} {error:.1e}, bound {bound:.1e}")
        assert error < bound, name
