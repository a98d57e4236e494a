"""What only the training of the first published version does, as its configs switch it on."""

import math

import pytest
import torch
from mmdet3d.registry import MODELS

from det_small import build_small_detector, published_config, small_model_config
from epropnp import HuberPnPCost
from epropnp.kernels import adaptive_delta
from epropnp_det.models.structures import BatchGeometry, ObjectPredictions
from epropnp_det.models.training.auxiliary import InterpolatedCells, TransformedCells
from pnp_scenes import IMAGE_SHAPE, scene

V1_CONFIGS = ("v1-coord-regr", "v1b-220312", "v1b-220411")
INPUTS = ("x2d", "noc", "w2d", "scale", "dims")


@pytest.fixture(params=V1_CONFIGS)
def v1(request, repo_dir):
    return build_small_detector(repo_dir, published_config(repo_dir, request.param)).bbox_head


@pytest.fixture
def v2(repo_dir):
    return build_small_detector(repo_dir, published_config(repo_dir, "v2")).bbox_head


@pytest.fixture
def problem():
    """Objects with outliers, their geometry and true poses; float64."""
    data = scene(4, num=3, points=20, noise=8.0)
    scale = torch.tensor([[0.9, 0.7], [1.1, 1.3], [0.5, 0.8]]).double()
    dims = torch.tensor([[2.0, 1.5, 1.0]]).double().expand(3, 3)
    x2d = torch.cat([data.x2d[:, :4] + 150, data.x2d[:, 4:]], 1)
    tensors = dict(x2d=x2d, noc=data.x3d / dims[:, None], w2d=data.w2d, scale=scale, dims=dims)
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in tensors.items()}
    rest = dict.fromkeys(ObjectPredictions._fields) | leaves
    sizes = torch.tensor(IMAGE_SHAPE).double().expand(3, 2)
    geometry = BatchGeometry(data.camera.cam_mats, None, sizes, sizes, None, IMAGE_SHAPE)
    return ObjectPredictions(**rest), geometry, data.pose


def gradients(objects, outputs):
    """Gradients of each output by each input of the pose solver, zero where there is none."""
    inputs = [getattr(objects, name) for name in INPUTS]
    weights = [torch.linspace(0.5, 1.5, o.numel()).to(o).view_as(o) for o in outputs]
    return [
        torch.autograd.grad(
            output, inputs, weight, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        for output, weight in zip(outputs, weights, strict=True)
    ]


def solve(head, problem):
    """Log weights, cost of the truth and moved pose, as the head trains on them."""
    objects, geometry, pose_gt = problem
    torch.manual_seed(0)
    poses = head.pose_solver.training_poses(objects, geometry, torch.arange(3), pose_gt)
    return poses.log_weights, poses.cost_target, poses.pose_opt_plus


def solve_by_hand(head, problem):
    """The same with what v1 detaches detached one by one."""
    objects, geometry, pose_gt = problem
    layer, camera = head.pose_solver.pnp, head.pose_solver.bind_camera(geometry, torch.arange(3))
    torch.manual_seed(0)
    w2d = objects.w2d * objects.scale.detach()[:, None]
    delta = adaptive_delta(objects.x2d.detach(), w2d.detach(), 0.5)
    x3d = objects.noc * objects.dims.detach()[:, None]
    solution = layer(x3d, objects.x2d, w2d, camera, HuberPnPCost(delta), with_pose_opt_plus=True)
    w2d = objects.w2d * objects.scale[:, None]
    delta = adaptive_delta(objects.x2d.detach(), w2d, 0.5)
    x3d = objects.noc * objects.dims[:, None]
    result = layer.monte_carlo_forward(
        x3d,
        objects.x2d,
        w2d,
        camera,
        HuberPnPCost(delta),
        pose_init=pose_gt,
        starts=solution.starts,
    )
    return result.pose_sample_logweights, result.cost_target, solution.pose_opt_plus


def test_gradients_of_the_pose_solver(v1, problem):
    outputs, wanted = solve(v1, problem), solve_by_hand(v1, problem)
    torch.testing.assert_close(outputs, wanted)
    torch.testing.assert_close(gradients(problem[0], outputs), gradients(problem[0], wanted))


def test_gradients_of_the_pose_solver_differ_from_those_of_v2(v1, v2, problem):
    """The cost of the truth has the same value; in v2 it sees the points by the threshold too."""
    (_, target, moved), (_, v2_target, v2_moved) = solve(v1, problem), solve(v2, problem)
    torch.testing.assert_close(target, v2_target)
    by_target, by_move = gradients(problem[0], (target, moved))
    v2_by_target, v2_by_move = gradients(problem[0], (v2_target, v2_moved))
    assert (by_target[0] - v2_by_target[0]).norm() > 1e-2 * v2_by_target[0].norm()
    torch.testing.assert_close(by_target[1:], v2_by_target[1:])
    assert (by_move[2] - v2_by_move[2]).norm() > 1e-2 * v2_by_move[2].norm()
    assert [bool(gradient.any()) for gradient in by_move] == [True, True, True, False, False]
    assert all(gradient.any() for gradient in v2_by_move)


def test_lidar_cells(v1, v2):
    assert v1.criterion.auxiliary.cell_rule == InterpolatedCells(pixel_shift=0.5)
    assert v2.criterion.auxiliary.cell_rule == TransformedCells()


@pytest.mark.parametrize("variant", [*V1_CONFIGS, "v2"])
def test_start_of_shared_layers_and_centre(repo_dir, variant):
    """torch's own start is uniform within 1 / sqrt(inputs), for weights and biases."""
    torch.manual_seed(0)
    model = small_model_config(repo_dir, published_config(repo_dir, variant)).bbox_head
    head = MODELS.build(model)
    head.init_weights()
    layers = [head.object_branches.shared_layers[i] for i in (0, 2)]
    bound = 1 / math.sqrt(64)
    xavier, center = math.sqrt(3) * bound, head.detector.conv_offset
    if variant == "v2":
        assert all(0.95 * xavier < layer.weight.abs().max() <= xavier for layer in layers)
        assert not any(layer.bias.any() for layer in layers)
        assert center.weight.std().item() == pytest.approx(0.01, rel=0.1)
        assert not center.bias.any()
        return
    for layer in (*layers, center):
        assert 0.9 * bound < layer.weight.abs().max() <= bound
        assert 0 < layer.bias.abs().max() <= bound
