"""One training step of the published system, replayed: every loss, gradient and buffer."""

import json
from types import SimpleNamespace

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

from det_reference import build_detector, load_named_weights, reference_images
from det_train_reference import ReplayedPoseSolver, TrainReference, criterion_config
from epropnp_det.checkpoint import DET_V2
from epropnp_det.models.selection import gather_proposals
from epropnp_det.models.structures import FeatureMaps, ObjectPredictions

OBJECT_FIELDS = {  # name in the recording -> field
    "scale": "scale",
    "dim_dec": "dims",
    "noc": "noc",
    "w2d": "w2d",
    "score_pred": "score_logits",
    "velo": "velocities",
    "attr": "attr_logits",
}
# The recorded numbers are float32. The step of the derivative regularisation inverts badly
# conditioned matrices: in float64 the recorded loss_reg_pos is off by 2.2e-5, ours by 1.4e-6.
LOSS_TOLERANCE = {"loss_reg_pos": 5e-5, "loss_reg_orient": 5e-5}


@pytest.fixture(scope="module")
def reference(reference_dir):
    return TrainReference(reference_dir)


@pytest.fixture
def criterion(reference):
    criterion = MODELS.build(criterion_config())
    reference.load_parameters(criterion)
    return criterion


def with_gradient(structure):
    return type(structure)(
        *(v.clone().requires_grad_() if torch.is_tensor(v) else v for v in structure)
    )


def relative_error(ours, recorded) -> float:
    return ((ours - recorded).abs().max() / recorded.abs().max()).item()


class TestObjectLosses:
    @pytest.fixture
    def objects(self, reference, criterion) -> ObjectPredictions:
        objects = with_gradient(reference.objects())
        # the recorded gradients of the code include what comes through the dimensions
        labels = reference.samples().labels
        decoded = criterion.object_loss.dim_coder.decode(objects.dims_code, labels)
        torch.testing.assert_close(decoded, objects.dims)
        return objects._replace(dims=decoded)

    @pytest.fixture
    def losses(self, reference, criterion, objects):
        return criterion.object_loss(
            objects,
            reference.samples(),
            reference.ground_truth(),
            reference.geometry(),
            ReplayedPoseSolver(reference),
        )

    def test_values(self, reference, losses):
        assert len(losses) == 9
        for name, loss in losses.items():
            recorded = reference[f"loss__{name}"].item()
            assert loss.item() == pytest.approx(recorded, rel=LOSS_TOLERANCE.get(name, 1e-5)), name

    def test_gradients(self, reference, losses, objects):
        compared = 0
        for name, loss in losses.items():
            for recorded_name, field in {**OBJECT_FIELDS, "dim_enc": "dims_code"}.items():
                key = f"grad__{name}__{recorded_name}"
                if key not in reference.arrays:
                    continue
                (gradient,) = torch.autograd.grad(loss, getattr(objects, field), retain_graph=True)
                tolerance = 2e-3 if name.startswith("loss_reg") else 1e-5
                assert relative_error(gradient, reference[key]) < tolerance, key
                compared += 1
        assert compared == 19

    def test_derivatives_in_float64(self, reference, criterion):
        """The step after the recorded optimum, without the rounding of the recorded float32."""

        def double(structure):
            return type(structure)(
                *(
                    v.double() if torch.is_tensor(v) and v.is_floating_point() else v
                    for v in structure
                )
            )

        problem = reference.objects(), reference.geometry()
        steps = []
        for objects, geometry in (problem, tuple(double(each) for each in problem)):
            solver = ReplayedPoseSolver(reference)
            camera = solver.bind_camera(geometry, reference.samples().img_inds)
            solver.pnp.dtype = objects.x2d.dtype
            steps.append(
                solver.pnp(
                    objects.x3d,
                    objects.x2d,
                    objects.w2d_scaled,
                    camera,
                    solver.cost_fun,
                    with_pose_opt_plus=True,
                ).pose_opt_plus
            )
        ours, exact = (step - reference["score_pose_opt"] for step in steps)
        recorded = reference["score_pose_plus"] - reference["score_pose_opt"]
        distance = (recorded - exact).norm(dim=0)
        assert ((ours - exact).norm(dim=0) < 2 * distance + 1e-6).all()
        assert (distance < 1e-2 * exact.norm(dim=0) + 0.05).all()

    def test_running_mean_of_the_scale(self, reference, criterion, losses):
        recorded = reference["state1__bbox_head.loss_pose.norm_factor"].item()
        assert criterion.object_loss.loss_pose.norm_factor.item() == pytest.approx(recorded)


class TestAuxiliaryLosses:
    @pytest.fixture
    def inputs(self, reference):
        features = with_gradient(FeatureMaps(reference["key"], reference["value"], 8))
        return features, with_gradient(reference.objects())

    @pytest.fixture
    def losses(self, reference, criterion, inputs):
        return criterion.auxiliary(
            *inputs,
            reference.samples(),
            reference.ground_truth(),
            reference.geometry(),
            ReplayedPoseSolver(reference).camera,
        )

    def test_values(self, reference, losses):
        assert losses.keys() == {"loss_proj", "loss_regr", "loss_depth"}
        for name, loss in losses.items():
            assert loss.item() == pytest.approx(reference[f"loss__{name}"].item(), rel=1e-5), name

    def test_gradients(self, reference, losses, inputs):
        features, objects = inputs
        for name, loss in losses.items():
            wanted = {"key": features.key, "value": features.value}
            gradients = dict(
                zip(
                    wanted,
                    torch.autograd.grad(
                        loss, wanted.values(), retain_graph=True, allow_unused=True
                    ),
                    strict=True,
                )
            )
            for which, gradient in gradients.items():
                key = f"gradnorm__{name}__{which}"
                if key in reference.arrays:
                    recorded = reference[key].item()
                    assert gradient.norm().item() == pytest.approx(recorded, rel=1e-3), key
            if name != "loss_depth":
                (query,) = torch.autograd.grad(loss, objects.query, retain_graph=True)
                recorded = reference[f"grad__{name}__query"].squeeze(2)
                assert relative_error(query, recorded) < 1e-5

    def test_dimensions_are_not_trained_here(self, losses, inputs):
        _, objects = inputs
        total = sum(losses.values())
        assert torch.autograd.grad(total, objects.dims, allow_unused=True) == (None,)

    def test_running_means(self, reference, criterion, losses):
        modules = {
            "loss_proj": criterion.auxiliary.loss_proj,
            "loss_regr": criterion.auxiliary.loss_regr,
            "loss_depth": criterion.auxiliary.depth.criterion,
        }
        for name, module in modules.items():
            recorded = reference[f"state1__bbox_head.{name}.mean_inv_std"].item()
            assert module.mean_inv_std.item() == pytest.approx(recorded, rel=1e-6), name


class TestWholeStep:
    """From images to the gradients of all parameters, ResNet-101 included."""

    @pytest.fixture(scope="class")
    def step(self, reference, reference_dir, repo_dir):
        init_default_scope("mmdet3d")
        model = build_detector(repo_dir).train()
        load_named_weights(model, reference_dir)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        head, geometry = model.bbox_head, reference.geometry()
        dense = head.forward_dense(model.neck(model.backbone(reference_images())), geometry)
        targets = head.criterion.assign(dense.proposals, geometry, reference.data_samples())
        targets = targets._replace(samples=reference.samples())
        chosen = targets.samples
        proposals = gather_proposals(
            dense.proposals, chosen.img_inds, chosen.point_inds, chosen.labels
        )
        objects = head.predict_objects(dense.features, proposals, geometry)
        solver = ReplayedPoseSolver(reference)
        losses = head.criterion(dense, proposals, objects, targets, geometry, solver)
        return SimpleNamespace(**locals())

    def test_targets(self, reference, step):
        ours, recorded = step.targets.ground_truth, reference.ground_truth()
        for field in recorded._fields[:-1]:
            torch.testing.assert_close(
                getattr(ours, field), getattr(recorded, field), equal_nan=True, msg=field
            )
        assert all(map(torch.equal, ours.lidar, recorded.lidar))

    def test_losses(self, reference, step):
        recorded = {
            name.removeprefix("loss__"): reference[name].item()
            for name in reference.arrays
            if name.startswith("loss__")
        }
        assert step.losses.keys() == recorded.keys()
        for name, loss in step.losses.items():
            tolerance = 2 * LOSS_TOLERANCE.get(name, 5e-6)
            assert loss.item() == pytest.approx(recorded[name], rel=tolerance), name

    def test_gradients_through_the_object_stages(self, reference, step):
        features = step.dense.features
        maps = {"key": features.key, "value": features.value}
        fields = {**OBJECT_FIELDS, "query": "query", "x2d": "x2d", "dim_enc": "dims_code"}
        tensors = {name: getattr(step.objects, field) for name, field in fields.items()} | maps
        for loss_name, loss in step.losses.items():
            if not loss.requires_grad:
                continue
            gradients = torch.autograd.grad(
                loss, tensors.values(), retain_graph=True, allow_unused=True
            )
            for name, gradient in zip(tensors, gradients, strict=True):
                key = f"__{loss_name}__{name}"
                if f"grad{key}" in reference.arrays:
                    recorded = reference[f"grad{key}"].view_as(gradient)
                    # by norm: rounding in the network may move a sample across the image bounds,
                    # where the derivative of the clipped projection jumps
                    error = (gradient - recorded).norm() / recorded.norm()
                    assert error < (2e-3 if loss_name.startswith("loss_reg_") else 5e-4), key
                elif f"gradnorm{key}" in reference.arrays:
                    recorded = reference[f"gradnorm{key}"].item()
                    assert gradient.norm().item() == pytest.approx(recorded, rel=1e-3), key

    def test_gradient_norm_of_every_parameter(self, reference_dir, step):
        total = sum(loss for name, loss in step.losses.items() if "loss" in name)
        total.backward(retain_graph=True)
        parameters = {
            DET_V2.to_published(name): parameter
            for name, parameter in step.model.named_parameters()
            if parameter.requires_grad
        }
        path = reference_dir / "golden" / "det_v2_train_small_gradnorms.json"
        recorded = json.loads(path.read_text())
        assert parameters.keys() == recorded.keys()
        for name, norm in recorded.items():
            # a scalar has no other entries to average float32 rounding with
            tolerance = 1e-3 if parameters[name].dim() else 3e-3
            assert parameters[name].grad.norm().item() == pytest.approx(norm, rel=tolerance), name
