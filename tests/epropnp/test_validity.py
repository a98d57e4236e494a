"""An object that is not valid adds exactly nothing, to the loss and to every gradient."""

import pytest
import torch

from epropnp import (
    AdaptiveHuberPnPCost,
    EProPnP4DoF,
    EProPnP6DoF,
    HuberPnPCost,
    LMSolver,
    PerspectiveCamera,
    RSLMSolver,
    monte_carlo_pose_loss,
)
from pnp_scenes import scene, tilted

LAYERS = {4: EProPnP4DoF, 6: EProPnP6DoF}
BAD, GOOD = 1, [0, 2]


def nan_label(inputs, pose):
    pose[BAD, 0] = torch.nan


def label_without_rotation(inputs, pose):
    pose[BAD, 3:] = 0 if pose.shape[1] == 7 else torch.nan


def nan_points(inputs, pose):
    inputs["x3d"][BAD, 3] = torch.nan


def infinite_pixel(inputs, pose):
    inputs["x2d"][BAD, 0, 1] = torch.inf


def one_usable_point(inputs, pose):
    inputs["w2d"][BAD, 1:] = 0


def no_weights(inputs, pose):
    inputs["w2d"][BAD] = 0


def a_negative_weight(inputs, pose):
    inputs["w2d"][BAD, 5, 0] = -1e-3


def overflowing_pixels(inputs, pose):
    inputs["x2d"][BAD] = 1e200


def overflowing_weights(inputs, pose):
    inputs["w2d"][BAD] *= 1e200


def overflowing_points(inputs, pose):
    inputs["x3d"][BAD] *= 1e307


def nan_intrinsics(inputs, pose):
    inputs["cam_mats"][BAD, 0, 0] = torch.nan


def nan_bound(inputs, pose):
    inputs["lb"][BAD, 0] = torch.nan


def nan_gravity(inputs, pose):
    inputs["gravity"][BAD, 1, 1] = torch.nan


def nan_threshold(inputs, pose):
    inputs["delta"][BAD] = torch.nan


def negative_threshold(inputs, pose):
    inputs["delta"][BAD] = -1.0


KINDS = (
    nan_label, label_without_rotation, nan_points, infinite_pixel, one_usable_point, no_weights,
    a_negative_weight, overflowing_pixels, overflowing_weights, nan_intrinsics,
    nan_bound, nan_gravity, nan_threshold, negative_threshold,
)  # fmt: skip


def train(dof, spoil=None, adaptive=False, normalize=False):
    """Monte Carlo loss, derivative loss (B,) each, validity, and gradients of all inputs."""
    gravity = tilted(3)
    data = scene(dof, points=16, noise=2.0, gravity=gravity if dof == 4 else None)
    inputs = {
        "x3d": data.x3d, "x2d": data.x2d, "w2d": data.w2d, "cam_mats": data.camera.cam_mats,
        "lb": torch.full((3, 2), -100.0).double(), "ub": torch.full((3, 2), 900.0).double(),
        "gravity": gravity, "delta": torch.full((3,), 0.4 if adaptive else 5.0).double(),
    }  # fmt: skip
    inputs = {name: tensor.clone() for name, tensor in inputs.items()}
    pose = data.pose.clone()
    if spoil is not None:
        spoil(inputs, pose)
    for tensor in inputs.values():
        tensor.requires_grad_()
    camera = PerspectiveCamera().bind(
        inputs["cam_mats"], lb=inputs["lb"], ub=inputs["ub"], gravity=inputs["gravity"]
    )
    setting = (AdaptiveHuberPnPCost if adaptive else HuberPnPCost)(inputs["delta"])
    solver = LMSolver(dof, 5, normalize, RSLMSolver(num_proposals=4))
    result = LAYERS[dof](32, solver=solver).monte_carlo_forward(
        inputs["x3d"], inputs["x2d"], inputs["w2d"], camera, setting, pose,
        with_pose_opt_plus=True, generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    loss = monte_carlo_pose_loss(result.pose_sample_logweights, result.cost_target)
    pull = (result.pose_opt_plus - pose).square().sum(-1)
    total = loss.sum() + pull[pose.isfinite().all(1)].sum()
    grads = torch.autograd.grad(total, inputs.values(), allow_unused=True)
    grads = {name: g for name, g in zip(inputs, grads, strict=True) if g is not None}
    return loss, pull, result, grads


@pytest.mark.parametrize("adaptive", [False, True], ids=["fixed", "adaptive"])
@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("spoil", KINDS, ids=lambda kind: kind.__name__)
def test_an_invalid_object_adds_exactly_nothing(spoil, dof, adaptive):
    if spoil is nan_gravity and dof == 6:
        return  # a pose with a quaternion does not depend on gravity
    loss, pull, result, grads = train(dof, spoil, adaptive)
    expected_loss, _, _, expected = train(dof, adaptive=adaptive)
    assert result.valid.tolist() == [True, False, True]
    assert loss[BAD] == 0
    assert pull[BAD] == 0 or spoil in (nan_label, label_without_rotation)
    assert not result.pose_opt_plus[BAD].isnan().any()
    assert set(grads) == set(expected)
    for name, grad in grads.items():
        assert (grad[BAD] == 0).all(), name
        torch.testing.assert_close(grad[GOOD], expected[name][GOOD], rtol=1e-9, atol=0)
    torch.testing.assert_close(loss[GOOD], expected_loss[GOOD], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dof", [4, 6])
def test_valid_objects_do_train_every_input(dof):
    _, _, result, grads = train(dof)
    assert result.valid.all()
    inputs = {"x3d", "x2d", "w2d", "cam_mats", "lb", "ub", "gravity", "delta"}
    assert set(grads) == (inputs if dof == 4 else inputs - {"gravity"})
    for name in set(grads) - {"lb", "ub"}:  # no projection is clipped here
        assert (grads[name].reshape(3, -1).abs().sum(1) > 0).all(), name


@pytest.mark.parametrize("spoil", [nan_points, overflowing_points, overflowing_weights])
def test_a_learnt_tensor_shared_by_all_objects_is_not_spoiled(spoil):
    """Intrinsics, gravity, bounds and threshold in one copy: an overflow stays with its object."""
    gradients = []
    for bad in (False, True):
        data = scene(4, points=16, noise=2.0)
        inputs = {"x3d": data.x3d, "x2d": data.x2d, "w2d": data.w2d}
        if bad:
            spoil(inputs, data.pose)
        shared = [
            data.camera.cam_mats[0].clone(),
            torch.eye(3).double(),
            torch.tensor(0.4).double(),
        ]
        shared = [tensor.requires_grad_() for tensor in shared]
        camera = PerspectiveCamera().bind(shared[0], gravity=shared[1])
        objects = slice(None) if bad else GOOD
        problem = (inputs[name][objects] for name in ("x3d", "x2d", "w2d"))
        result = EProPnP4DoF(32, solver=LMSolver(4, 3)).monte_carlo_forward(
            *problem, camera, AdaptiveHuberPnPCost(shared[2]), data.pose[objects],
            with_pose_opt_plus=True, generator=torch.Generator().manual_seed(0),
        )  # fmt: skip
        loss = result.cost_target.sum() + result.pose_opt_plus.sum()
        gradients.append(torch.autograd.grad(loss, shared))
    for ours, expected in zip(gradients[1], gradients[0], strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("force", [False, True])
def test_a_start_that_is_no_pose_is_invalid_unless_another_competes(dof, force):
    data = scene(dof, noise=2.0)
    start = data.pose.clone()
    start[BAD] = torch.nan
    alone = LMSolver(dof)(*data.correspondences, HuberPnPCost(5.0), start, force_init_solve=force)
    assert alone.valid.tolist() == [True, False, True]
    competing = LMSolver(dof, init_solver=RSLMSolver())(
        *data.correspondences, HuberPnPCost(5.0), start, force_init_solve=force
    )
    assert competing.valid.tolist() == [True, force, True]


def test_evidence_that_is_not_finite_makes_an_object_invalid():
    """Its solution may be perfect; without samples that have a weight there is no loss."""

    class Lost(EProPnP4DoF):
        def _sample(self, problem, *arguments):
            self.sampler = Emptied(self.sampler)
            return super()._sample(problem, *arguments)

    class Emptied:
        def __init__(self, sampler):
            self.sampler = sampler

        def sample(self, *arguments):
            samples = self.sampler.sample(*arguments)
            objects = torch.arange(samples.pose_sample_logweights.shape[1])
            lost = torch.where(objects == BAD, -torch.inf, samples.pose_sample_logweights)
            return samples._replace(pose_sample_logweights=lost)

    data = scene(4, noise=2.0)
    net = Lost(16, solver=LMSolver(4))
    result = net.monte_carlo_forward(*data.correspondences, HuberPnPCost(5.0), data.pose)
    assert result.valid.tolist() == [True, False, True]
    assert result.cost_target[BAD] == 0


def test_quaternions_of_any_length_are_the_poses_of_unit_length():
    data = scene(6, noise=2.0)
    longer = data.pose.clone()
    longer[:, 3:] *= torch.tensor([[1.01], [0.5], [-3.0]]).double()
    setting = HuberPnPCost(5.0)

    def run(pose):
        return EProPnP6DoF(16, solver=LMSolver(6, 2)).monte_carlo_forward(
            *data.correspondences, setting, pose, generator=torch.Generator().manual_seed(0)
        )

    ours, expected = run(longer), run(data.pose)
    torch.testing.assert_close(ours.cost_target, expected.cost_target)
    turned = ours.pose_opt[:, 3:] * torch.tensor([[1.0], [1.0], [-1.0]])
    torch.testing.assert_close(turned, expected.pose_opt[:, 3:])
