"""The compiled backend agrees with the eager reference, bad input included."""

import math
import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from epropnp import (
    AdaptiveHuberPnPCost,
    EagerBackend,
    EProPnP4DoF,
    EProPnP6DoF,
    GaussNewton,
    HuberPnPCost,
    TrustRegion,
    YawPose,
    monte_carlo_pose_loss,
)
from epropnp.distortion import DistortedCamera
from epropnp.fitting import PublishedFit
from epropnp.linear_start import algebraic_cost
from epropnp.mixture import Mixture
from epropnp.problem import build_problem
from epropnp.proposals import QuaternionProposals, YawProposals
from pnp_scenes import around, clipped_cost, cost_of, random_pose, scene, tilted

pytest.importorskip("numba", reason="the compiled backend needs numba")

from epropnp.backends.numba_cpu.arrays import region_numbers
from epropnp.backends.numba_cpu.backend import NumbaBackend

EAGER, COMPILED = EagerBackend(), NumbaBackend()
FAMILIES = {4: YawProposals, 6: QuaternionProposals}


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-11), (torch.float32, 2e-4)])
def test_values_of_samples(dof, dtype, rtol):
    cost, pose = clipped_cost(dof, gravity=dof == 4, dtype=dtype)
    poses = around(pose, 19)
    expected = EAGER.values(cost, poses)
    torch.testing.assert_close(COMPILED.values(cost, poses), expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("names", ["each", "all"])
@pytest.mark.parametrize(
    ("samples", "points"),
    [(600, 37), (3, 300)],  # more than a block of poses; a few, and more than a block of points
)
def test_gradient_by_every_leaf(dof, names, samples, points):
    cost, pose = clipped_cost(dof, points=points, gravity=dof == 4)
    poses = around(pose, samples)
    weights = torch.randn(samples, 5, dtype=torch.float64)
    every = sorted(cost.leaves())
    with torch.no_grad():
        for wanted in [every] if names == "all" else [[name] for name in every]:
            expected = EAGER.weighted_gradient(cost, poses, weights, wanted)
            found = COMPILED.weighted_gradient(cost, poses, weights, wanted)
            torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("dof", [4, 6])
def test_a_leaf_shared_by_all_objects_gets_the_sum(dof):
    cost, pose = clipped_cost(dof)
    poses, weights = around(pose, 7), torch.randn(7, 5, dtype=torch.float64)
    shared = {name: cost.leaves()[name][0] for name in ("camera.lower", "camera.cam_mats")}
    cost = cost.with_leaves(shared)
    with torch.no_grad():
        expected = EAGER.weighted_gradient(cost, poses, weights, sorted(shared))
        found = COMPILED.weighted_gradient(cost, poses, weights, sorted(shared))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("free_jacobian", [False, True])
def test_minimum_step_by_step(dof, free_jacobian):
    """Rounding alone tells the two apart, so every accepted and rejected step is the same."""
    cost, pose = clipped_cost(dof, gravity=dof == 4)
    cost = replace(cost, camera=replace(cost.camera, clip_jacobian=not free_jacobian))
    start = around(pose, 1, spread=0.5)[0]
    for num_iter in range(7):
        expected = EAGER.minimize(cost, start, num_iter, TrustRegion())
        found = COMPILED.minimize(cost, start, num_iter, TrustRegion())
        torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("subsets", [1, 6])  # fewer than lanes, and some lanes of a second block
def test_minimum_of_subsets(dof, subsets):
    cost, pose = clipped_cost(dof, gravity=dof == 4)
    index = torch.rand(subsets, 5, 38).argsort(-1)[..., :9]  # 37 stands for no point
    start = around(pose, subsets, spread=0.2)
    for num_iter in range(4):
        expected = EAGER.minimize_subsets(cost, index, start, num_iter, TrustRegion())
        found = COMPILED.minimize_subsets(cost, index, start, num_iter, TrustRegion())
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dof", [4, 6])
def test_a_bad_object_spoils_no_lane(dof):
    cost, pose = clipped_cost(dof, dtype=torch.float32)
    index = torch.rand(3, 5, 37).argsort(-1)[..., :9]
    start = around(pose, 3)
    clean = COMPILED.minimize_subsets(cost, index, start, 3, TrustRegion())
    leaves = {"weights": cost.weights.clone(), "kernel.delta": cost.kernel.delta.clone()}
    leaves["weights"][2], leaves["kernel.delta"][3] = math.inf, math.nan
    cost = cost.with_leaves(leaves)
    found = COMPILED.minimize_subsets(cost, index, start, 3, TrustRegion())
    assert torch.equal(found[:, [0, 1, 4]], clean[:, [0, 1, 4]])
    assert torch.equal(found[:, [2, 3]], start[:, [2, 3]])


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("pivot", range(6))
def test_a_step_without_a_solution_is_none(dof, pivot):
    """Whichever pivot of the factor has no root; a sound system gives what torch finds."""
    from epropnp.backends.numba_cpu import steps

    step_of = steps.yaw_step if dof == 4 else steps.quaternion_step
    region = region_numbers(TrustRegion(eps=0.0, initial_trust_region_radius=1e30), np.float64)
    generator = torch.Generator().manual_seed(pivot)
    factor = torch.randn(dof, dof, generator=generator).tril().double()
    factor.diagonal().abs_().add_(0.5)
    gradient = torch.randn(dof, generator=generator).double()

    def step(matrix):
        triangle = matrix[tuple(torch.tril_indices(dof, dof))]
        system = (1.0, *gradient.tolist(), *triangle.tolist())
        return torch.tensor(step_of(system, region.start, region, np.float64)[0]).double()

    matrix = factor @ factor.T
    torch.testing.assert_close(step(matrix), -torch.linalg.solve(matrix, gradient))
    matrix[pivot % dof, pivot % dof] -= factor[pivot % dof, pivot % dof] ** 2 + 0.1
    assert not step(matrix).any()


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e38])
def test_a_bad_object_stays_alone(dof, bad):
    cost, pose = clipped_cost(dof, dtype=torch.float32)
    clean = COMPILED.minimize(cost, pose, 4, TrustRegion())
    broken = cost.weights.clone()
    broken[2, 0, 3] = bad
    cost = cost.with_leaves({"weights": broken})
    found = COMPILED.minimize(cost, pose, 4, TrustRegion())
    others = torch.arange(5) != 2
    assert torch.equal(found.pose_opt[others], clean.pose_opt[others])
    assert torch.equal(found.pose_opt[2], pose[2])
    expected = EAGER.values(cost, pose[None])[0]
    assert torch.equal(COMPILED.values(cost, pose[None])[0].isfinite(), expected.isfinite())


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("free_jacobian", [False, True])
def test_differentiable_step_and_its_gradient(dof, free_jacobian):
    cost, pose = clipped_cost(dof, gravity=dof == 4)
    cost = replace(cost, camera=replace(cost.camera, clip_jacobian=not free_jacobian))
    names = ("points_obj", "points_2d", "weights", "kernel.delta")
    leaves = [cost.leaves()[name].clone().requires_grad_() for name in names]
    cost = cost.with_leaves(dict(zip(names, leaves, strict=True)))
    expected, found = EAGER.newton_step(cost, pose), COMPILED.newton_step(cost, pose)
    # few points of some objects are free: their systems are ill-conditioned
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)
    seed = torch.linspace(-1.0, 1.0, expected.numel(), dtype=torch.float64).view_as(expected)
    expected_grads = torch.autograd.grad(expected, leaves, seed, retain_graph=True)
    grads = torch.autograd.grad(found, leaves, seed, retain_graph=True)
    for grad, wanted in zip(grads, expected_grads, strict=True):
        assert (grad - wanted).abs().max() < 1e-6 * wanted.abs().max()

    def second(step):
        (first,) = torch.autograd.grad(step, leaves[:1], seed, create_graph=True)
        return torch.autograd.grad(first.square().sum(), leaves[2])

    torch.testing.assert_close(second(found), second(expected), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dof", [4, 6])
def test_step_of_a_cost_whose_camera_is_learnt_is_eager(dof):
    cost, pose = clipped_cost(dof)
    cam_mats = cost.camera.cam_mats.clone().requires_grad_()
    cost = cost.with_leaves({"camera.cam_mats": cam_mats})
    (grad,) = torch.autograd.grad(COMPILED.newton_step(cost, pose).sum(), cam_mats)
    (expected,) = torch.autograd.grad(EAGER.newton_step(cost, pose).sum(), cam_mats)
    assert torch.equal(grad, expected)


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("num", [32, 30])  # a whole number of uniform headings, and not
def test_draws_and_densities_of_a_seed(dof, num):
    cost, pose = clipped_cost(dof)
    solution = EAGER.minimize(cost, pose, 5, TrustRegion())
    proposal = Mixture.single(FAMILIES[dof]().around(solution.pose_opt, solution.covariance()[0]))
    seeds = [torch.Generator().manual_seed(3) for _ in range(2)]
    expected, found = (
        backend.sample(proposal, num, seed)
        for backend, seed in zip((EAGER, COMPILED), seeds, strict=True)
    )
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    assert torch.equal(seeds[0].get_state(), seeds[1].get_state())
    log_shares = torch.randn(3, 5, dtype=torch.float64)
    log_shares[1, 2] = -math.inf
    three = proposal.joined(proposal).joined(proposal).proposals
    densities = [b.log_density(three, log_shares, expected) for b in (EAGER, COMPILED)]
    torch.testing.assert_close(densities[1], densities[0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("rule", [None, PublishedFit()])
def test_fit_of_weighted_samples(dof, rule):
    family = FAMILIES[dof](rule) if rule else FAMILIES[dof]()
    generator = torch.Generator().manual_seed(0)
    pose = random_pose(dof, 5, generator)
    poses = around(pose, 50, spread=0.02)
    log_weights = 3.0 * torch.randn(50, 5, generator=generator, dtype=torch.float64)
    log_weights[3, 1], log_weights[4, 1], log_weights[5, 1] = math.nan, math.inf, -math.inf
    log_weights[7:, 2] = -math.inf  # fewer usable samples than share the largest weight
    log_weights[:, 3] = -math.inf  # none
    expected = EAGER.fit(family, poses, log_weights).leaves()
    found = COMPILED.fit(family, poses, log_weights).leaves()
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("power", [0.0, 1.0, 9.0])  # equal weights, and a few large ones
@pytest.mark.parametrize("count", [0, 1, 8, 20])
def test_subsets_of_points(power, count):
    """The same numbers give the same points, those that only a race can give included."""
    generator = torch.Generator().manual_seed(1)
    chance = torch.rand(5, 20, generator=generator).double() ** power
    chance[0, 3:] = 0.0
    chance[1] = 0.0
    draws = torch.rand(33, 5, 2 * count, generator=generator).double()
    race = torch.rand(5, 20, generator=generator).double()
    found, expected = (b.distinct_draws(chance, draws, race, count) for b in (COMPILED, EAGER))
    assert found.shape == (33, 5, count)
    assert all(len(set(row.tolist())) == count for row in found.flatten(0, 1))
    sure = torch.arange(5) > 1  # points without a weight come in any order
    sure[0] = count == 1
    assert torch.equal(found[:, sure].sort(-1).values, expected[:, sure].sort(-1).values)
    assert (found[:, 0] < 3).sum(-1).eq(min(count, 3)).all()


def test_a_weight_that_is_not_a_number_still_gives_different_points():
    chance = torch.tensor([[1.0, math.nan, 2.0, 3.0]])
    found = COMPILED.distinct_draws(chance, torch.rand(4, 1, 6), torch.rand(1, 4), 3)
    assert all(len(set(row.tolist())) == 3 for row in found[:, 0])


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize(("objects", "points"), [(0, 8), (3, 0), (3, 1)])
def test_nothing_to_do(dof, objects, points):
    data = scene(dof, num=objects, points=points)
    cost = cost_of(data, dof, 2.0)
    poses = around(data.pose, 4)
    assert torch.equal(COMPILED.values(cost, poses), EAGER.values(cost, poses)) or points
    torch.testing.assert_close(COMPILED.values(cost, poses), EAGER.values(cost, poses))
    found = COMPILED.minimize(cost, data.pose, 3, TrustRegion())
    torch.testing.assert_close(found, EAGER.minimize(cost, data.pose, 3, TrustRegion()))


def test_what_has_no_kernel_is_eager():
    cost, pose = clipped_cost(4)
    coefficients = torch.tensor([0.1, 0, 0, 0, 0]).double()
    lens = DistortedCamera().bind(cost.camera.cam_mats, distortion=coefficients)
    other = replace(cost, camera=lens)
    expected = EAGER.minimize(other, pose, 2, TrustRegion())
    assert torch.equal(COMPILED.minimize(other, pose, 2, TrustRegion()).pose_opt, expected.pose_opt)
    expected = EAGER.minimize(cost, pose, 2, GaussNewton())
    assert torch.equal(COMPILED.minimize(cost, pose, 2, GaussNewton()).pose_opt, expected.pose_opt)


@pytest.mark.parametrize("threads", [1, 2])
def test_result_does_not_depend_on_threads(threads):
    cost, pose = clipped_cost(4, num=64, points=64, dtype=torch.float32)
    poses = around(pose, 32)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3 - threads)
        expected = COMPILED.values(cost, poses)
        torch.set_num_threads(threads)
        assert torch.equal(COMPILED.values(cost, poses), expected)
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_threads_of_its_own():
    cost, pose = clipped_cost(4, num=64, points=64, dtype=torch.float32)
    poses = around(pose, 32)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        expected = COMPILED.values(cost, poses)
        child = os.fork()
        if child == 0:
            os._exit(0 if torch.equal(COMPILED.values(cost, poses), expected) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("dof", "layer_type"), [(4, EProPnP4DoF), (6, EProPnP6DoF)])
def test_training_step(dof, layer_type):
    """A whole Monte Carlo step, from one seed: loss and gradients are equal."""
    data = scene(dof, num=4, points=40, noise=2.0)
    results = []
    for backend in (EAGER, COMPILED):
        inputs = [t.clone().requires_grad_() for t in (data.x3d, data.x2d, data.w2d)]
        layer = layer_type(64, 4, backend=backend)
        result = layer.monte_carlo_forward(
            *inputs,
            data.camera,
            AdaptiveHuberPnPCost(),
            data.pose,
            with_pose_opt_plus=True,
            generator=torch.Generator().manual_seed(0),
        )
        loss = monte_carlo_pose_loss(result.pose_sample_logweights, result.cost_target).sum()
        (loss + result.pose_opt_plus.sum()).backward()
        results.append((loss.detach(), *(tensor.grad for tensor in inputs)))
    torch.testing.assert_close(results[1], results[0], rtol=1e-5, atol=1e-5)


def test_an_error_in_a_thread_reaches_the_caller():
    from epropnp.backends.numba_cpu.threads import side_by_side

    def work():
        raise RuntimeError("from inside")

    with pytest.raises(RuntimeError, match="from inside"):
        side_by_side(work, 2)


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize("gravity", [False, True])
def test_linear_start(dof, gravity):
    """The quadratic form, and every step of its minimisation."""
    tilt = tilted(3) if gravity and dof == 4 else None
    data = scene(dof, num=3, points=30, noise=3.0, gravity=tilt)
    cost = cost_of(data, dof, 2.0, gravity=tilt)
    forms = [algebraic_cost(cost, backend) for backend in (EAGER, COMPILED)]
    torch.testing.assert_close(forms[1].form, forms[0].form, rtol=1e-11, atol=1e-9)
    start = around(data.pose, 4, spread=0.4)
    for num_iter in range(4):
        expected = EAGER.minimize(forms[0], start, num_iter, TrustRegion())
        found = COMPILED.minimize(forms[0], start, num_iter, TrustRegion())
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_only_what_is_learnt_needs_a_gradient():
    """A camera that is not learnt must not cost a pass over all samples in the backward."""
    data = scene(4, num=2, points=8)
    cost = build_problem(
        data.x3d.requires_grad_(), data.x2d, data.w2d, data.camera, HuberPnPCost(1.0), YawPose()
    ).cost
    assert {name for name, leaf in cost.leaves().items() if leaf.requires_grad} == {"points_obj"}
