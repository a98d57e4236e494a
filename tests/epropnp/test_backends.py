import gc
import weakref
from dataclasses import replace

import pytest
import torch

from epropnp.backends import EagerBackend
from pnp_scenes import cost_of, near_scene, scene, tilted
from pose_problems import QuadraticYawCost


def problem(dof=4, samples=10, delta=3.0, points=24):
    data = scene(dof, num=3, points=points, noise=4.0)
    cost = cost_of(data, dof, delta)
    names = cost.leaves()
    leaves = tuple(p.detach().clone().requires_grad_() for p in names.values())
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(samples, *data.pose.shape, generator=generator, dtype=torch.float64)
    return cost.with_leaves(dict(zip(names, leaves, strict=True))), leaves, data.pose + 0.1 * noise


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("chunk", [1, 300, 10**9, None])
def test_values_and_gradients_are_those_of_autograd(dof, chunk):
    cost, leaves, poses = problem(dof)
    weights = torch.randn(10, 3, dtype=torch.float64)
    direct = cost.value(poses)
    expected = torch.autograd.grad((direct * weights).sum(), leaves)

    implementation = EagerBackend(chunk)
    values = implementation.values(cost, poses)
    assert not values.requires_grad
    torch.testing.assert_close(values, direct, rtol=1e-12, atol=0)
    attached = implementation.attach(cost, poses, values)
    assert torch.equal(attached, values)
    grads = torch.autograd.grad((attached * weights).sum(), leaves)
    torch.testing.assert_close(grads, expected, rtol=1e-9, atol=1e-9)


def test_only_wanted_gradients_are_computed():
    cost, leaves, poses = problem()
    wanted = leaves[1]
    cost = cost.with_leaves(
        {name: p if p is wanted else p.detach() for name, p in cost.leaves().items()}
    )
    values = EagerBackend().values(cost, poses)
    EagerBackend().attach(cost, poses, values).sum().backward()
    assert wanted.grad.abs().sum() > 0
    assert all(p.grad is None for p in leaves if p is not wanted)


def test_without_a_gradient_to_give_nothing_is_recorded():
    cost, _, poses = problem()
    cost = cost.with_leaves({name: p.detach() for name, p in cost.leaves().items()})
    values = EagerBackend().values(cost, poses)
    assert not EagerBackend().attach(cost, poses, values).requires_grad


@pytest.mark.parametrize("samples", [8, 800])
def test_what_is_kept_for_the_backward_does_not_grow_with_samples_times_points(samples):
    cost, leaves, poses = problem(samples=samples, points=200)
    values = EagerBackend().values(cost, poses)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.append(t.numel()) or t, lambda t: t
    ):
        EagerBackend().attach(cost, poses, values)
    assert sum(kept) == poses.numel() + sum(p.numel() for p in leaves)


def test_the_backward_ignores_autocast():
    cost, leaves, poses = problem()
    leaf = leaves[0]
    values = EagerBackend().values(cost, poses)
    expected = torch.autograd.grad(EagerBackend().attach(cost, poses, values).sum(), leaf)
    attached = EagerBackend().attach(cost, poses, values)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        grads = torch.autograd.grad(attached.sum(), leaf)
    torch.testing.assert_close(grads, expected)


def test_any_cost_that_follows_the_protocol_can_be_used():
    mode = torch.zeros(2, 4, dtype=torch.float64, requires_grad=True)
    unused = torch.eye(4, dtype=torch.float64).repeat(2, 1, 1).requires_grad_()
    cost = QuadraticYawCost(mode, unused)
    poses = 0.1 * torch.randn(6, 2, 4, dtype=torch.float64)
    attached = EagerBackend(8).attach(cost, poses, cost.value(poses))
    (grad,) = torch.autograd.grad(attached.sum(), mode)
    torch.testing.assert_close(grad, -poses.sum(0))


def test_a_parameter_the_cost_does_not_use_gets_a_zero_gradient():
    class Lazy(QuadraticYawCost):
        def value(self, pose):
            return 0.5 * (pose - self.mode).square().sum(-1)

    mode, factor = (torch.zeros(2, *s, requires_grad=True) for s in ((4,), (4, 4)))
    cost, poses = Lazy(mode, factor), torch.ones(3, 2, 4)
    assert replace(cost).value(poses).shape == (3, 2)
    EagerBackend().attach(cost, poses, cost.value(poses)).sum().backward()
    assert (mode.grad == -3).all()
    assert (factor.grad == 0).all()


def test_no_objects_and_no_samples():
    data = scene(4, num=0)
    cost = cost_of(data, 4)
    poses = torch.zeros(5, 0, 4, dtype=torch.float64)
    assert EagerBackend().values(cost, poses).shape == (5, 0)
    assert EagerBackend().values(problem()[0], torch.zeros(0, 3, 4).double()).shape == (0, 3)


def full_problem(samples=6):
    """A tilted camera with clipped projections: a gradient to every leaf a cost can have."""
    cost, pose = near_scene(4, gravity=tilted(4), delta=0.5)
    cost = replace(cost, camera=replace(cost.camera, gravity=None))  # the manifold has it
    leaves = {name: leaf.detach().clone() for name, leaf in cost.leaves().items()}
    noise = torch.randn(samples, *pose.shape, generator=torch.Generator().manual_seed(0))
    return cost, leaves, pose + 0.1 * noise.double()


LEAVES = (
    "points_obj", "points_2d", "weights", "camera.cam_mats", "camera.lower", "camera.upper",
    "kernel.delta", "manifold.gravity",
)  # fmt: skip


@pytest.mark.parametrize("wanted", [*((name,) for name in LEAVES), LEAVES], ids=len)
def test_every_leaf_gets_the_gradient_of_plain_autograd(wanted):
    """Each alone, and all together."""
    cost, leaves, poses = full_problem()
    assert set(leaves) == set(LEAVES)
    weights = torch.randn(len(poses), 4, dtype=torch.float64)

    def gradients(evaluate):
        inputs = {n: leaf.clone().requires_grad_(n in wanted) for n, leaf in leaves.items()}
        total = (evaluate(cost.with_leaves(inputs)) * weights).sum()
        return torch.autograd.grad(total, [inputs[name] for name in wanted])

    expected = gradients(lambda cost: cost.value(poses))
    ours = gradients(lambda cost: EagerBackend(64).attach(cost, poses, cost.value(poses).detach()))
    assert all(grad.abs().sum() > 0 for grad in expected)
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


def test_second_derivatives_are_those_of_plain_autograd():
    """Hessian-vector products, also where `autograd.grad` prunes to a part of the graph."""
    cost, leaves, poses = full_problem()
    inputs = {name: leaf.requires_grad_() for name, leaf in leaves.items()}
    cost = cost.with_leaves(inputs)
    backend, products = EagerBackend(64), []
    for attached in (cost.value(poses), backend.attach(cost, poses, cost.value(poses))):
        loss = attached.mul(-1.0).logsumexp(0).sum()
        first = torch.autograd.grad(loss, list(inputs.values()), create_graph=True)
        length = sum(grad.square().sum() for grad in first)
        pruned = torch.autograd.grad(first[2].square().sum(), inputs["weights"], retain_graph=True)
        products.append((*pruned, *torch.autograd.grad(length, list(inputs.values()))))
    assert products[0][0].abs().sum() > 0
    torch.testing.assert_close(products[1], products[0], rtol=1e-8, atol=1e-8)


def test_the_loss_keeps_neither_cost_nor_points_alive_after_backward():
    cost, _, poses = problem()  # as a network would, with points that are not leaves of the graph
    cost = cost.with_leaves({name: leaf * 1.0 for name, leaf in cost.leaves().items()})
    attached = EagerBackend().attach(cost, poses, cost.value(poses).detach())
    loss = attached.sum()
    loss.backward()
    kept = [weakref.ref(cost), *map(weakref.ref, cost.leaves().values())]
    del cost, attached
    gc.collect()
    assert [ref() for ref in kept] == [None] * len(kept)
    assert loss.requires_grad


def test_any_part_of_a_record_has_a_name():
    cost, leaves, _ = full_problem()
    with pytest.raises(ValueError, match=r"ReprojectionCost has no \['point'\]; it has"):
        cost.with_leaves({"point": leaves["points_obj"]})
    moved = cost.with_leaves({"camera.cam_mats": 2 * cost.camera.cam_mats})
    assert torch.equal(moved.camera.cam_mats, 2 * leaves["camera.cam_mats"])
    assert moved.points_obj is cost.points_obj
