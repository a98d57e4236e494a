"""Arguments that do not fit are refused by name, with their shape and the expected one."""

import inspect

import numpy as np
import pytest
import torch

from epropnp import (
    AMIS,
    AdaptiveHuberPnPCost,
    EProPnP4DoF,
    EProPnP6DoF,
    HuberPnPCost,
    LMSolver,
    RSLMSolver,
)
from epropnp.posterior import pose_distribution
from epropnp.proposals import QuaternionProposals, YawProposals
from pnp_scenes import scene

LAYERS = {4: EProPnP4DoF, 6: EProPnP6DoF}


def changed(data, camera=None, **parts):
    arguments = {
        "x3d": data.x3d, "x2d": data.x2d, "w2d": data.w2d, 
        "camera": data.camera if camera is None else camera,
        "cost_fun": HuberPnPCost(2.0), "pose_init": data.pose,
    }  # fmt: skip
    return {**arguments, **parts}


def refused(dof):
    data = scene(dof)
    bind = data.camera.bind
    cam_mats, shape = data.camera.cam_mats, torch.tensor([620, 840])
    width = data.pose.shape[1]
    return {
        "numpy points": (changed(data, x3d=data.x3d.numpy()), TypeError, "x3d must be a torch.Ten"),
        "numpy weights": (changed(data, w2d=np.ones((3, 24, 2))), TypeError, "w2d must be a torch"),
        "flat weights": (changed(data, w2d=data.w2d[..., 0]), ValueError, r"w2d must be \(3, 24"),
        "wide pose": (
            changed(data, pose_init=torch.zeros(3, 5)),
            ValueError,
            rf"pose_init must be \(3, {width}\), got \(3, 5\)",
        ),
        "pose of one object": (changed(data, pose_init=data.pose[0]), ValueError, "pose_init must"),
        "too few poses": (changed(data, pose_init=data.pose[:2]), ValueError, "pose_init must be"),
        "numpy pose": (changed(data, pose_init=data.pose.numpy()), TypeError, "pose_init must be"),
        "two image shapes": (
            changed(data, bind(cam_mats, shape.expand(2, 2))),
            ValueError,
            r"camera.lower has 2 entries for 3 objects \(bounds come from img_shape",
        ),
        "two intrinsics": (
            changed(data, bind(cam_mats[:2])),
            ValueError,
            "camera.cam_mats has 2 entries for 3 objects",
        ),
        "no camera": (changed(data, cam_mats), TypeError, "camera must be a PerspectiveCamera"),
        "a number as cost": (changed(data, cost_fun=3.0), TypeError, "cost_fun must be the choice"),
        "two thresholds": (
            changed(data, cost_fun=HuberPnPCost(torch.ones(2))),
            ValueError,
            "delta has 2 entries for 3 objects",
        ),
        "two relative thresholds": (
            changed(data, cost_fun=AdaptiveHuberPnPCost(torch.ones(2))),
            ValueError,
            "relative_delta has 2 entries for 3 objects",
        ),
        "integer mask": (
            changed(data, mask=torch.ones(3, 24, dtype=torch.int64)),
            TypeError,
            "mask must be boolean",
        ),
        "mask of other points": (
            changed(data, mask=torch.ones(3, 23, dtype=torch.bool)),
            ValueError,
            r"mask must be \(3, 24\), got \(3, 23\)",
        ),
    }  # fmt: skip


CALLS = {
    "solve": lambda dof, arguments: LAYERS[dof](8)(**arguments),
    "solver": lambda dof, arguments: LMSolver(dof)(**arguments),
    "sample": lambda dof, arguments: LAYERS[dof](8).monte_carlo_forward(**arguments),
    "distribution": lambda dof, arguments: pose_distribution(LAYERS[dof](8), **arguments),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", refused(4))
@pytest.mark.parametrize("dof", [4, 6])
def test_an_argument_that_does_not_fit_is_named(dof, name, call):
    arguments, error, message = refused(dof)[name]
    with pytest.raises(error, match=message):
        CALLS[call](dof, arguments)


def test_gravity_of_other_objects_is_named():
    data = scene(4)
    camera = data.camera.bind(data.camera.cam_mats, gravity=torch.eye(3).repeat(2, 1, 1))
    with pytest.raises(ValueError, match="manifold.gravity has 2 entries for 3 objects"):
        EProPnP4DoF(8)(**changed(data, camera))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HuberPnPCost(-1.0), "delta must be a number not below zero or a tensor, got -1.0"),
        (lambda: HuberPnPCost(float("nan")), "delta must be a number not below zero"),
        (lambda: HuberPnPCost("1"), "delta must be a number not below zero"),
        (lambda: HuberPnPCost(torch.ones(3, 2)), r"delta must be a number or \(objects,\)"),
        (lambda: AdaptiveHuberPnPCost(-0.5), "relative_delta must be a number not below zero"),
        (lambda: EProPnP4DoF(proposals=QuaternionProposals()), "needs proposals for 4 degrees"),
        (lambda: EProPnP6DoF(proposals=YawProposals()), "needs proposals for 6 degrees"),
        (lambda: EProPnP6DoF(solver=LMSolver(4)), "needs a solver with dof=6, got 4"),
        (
            lambda: EProPnP4DoF(sampler=AMIS(8, 4, YawProposals()), proposals=YawProposals()),
            "give the proposals to the sampler",
        ),
        (
            lambda: EProPnP4DoF(normalize=True, solver=LMSolver(4)),
            "normalize=True contradicts normalize=False of the solver",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_both_calls_of_the_layer_have_the_same_defaults_and_keyword_flags():
    solve, sample, solver = (
        inspect.signature(function).parameters
        for function in (EProPnP4DoF.forward, EProPnP4DoF.monte_carlo_forward, LMSolver.forward)
    )
    shared = set(solve) & set(sample)
    assert {"mask", "force_init_solve", "fast_mode", "with_pose_opt_plus", "generator"} <= shared
    for name in shared:
        assert (solve[name].default, solve[name].kind) == (sample[name].default, sample[name].kind)
        assert solve[name].default == solver[name].default
    keyword = {name for name in sample if sample[name].kind is inspect.Parameter.KEYWORD_ONLY}
    assert keyword == set(sample) - {
        "self", "x3d", "x2d", "w2d", "camera", "cost_fun", "pose_init"
    }  # fmt: skip


def test_normalize_is_a_setting_of_the_solver():
    assert EProPnP4DoF(normalize=True).solver.normalize
    assert not EProPnP4DoF().solver.normalize
    solver = LMSolver(4, normalize=True)
    assert EProPnP4DoF(solver=solver).solver.normalize
    assert EProPnP4DoF(normalize=True, solver=solver).solver.normalize


@pytest.mark.parametrize("normalize", [False, True])
def test_normalize_moves_the_frame_of_the_problem(normalize):
    """Points far from the origin couple turns and moves: few steps get further in their middle."""
    data = scene(4, noise=1.0)
    offset = torch.tensor([30.0, 5.0, -40.0]).double()
    x3d = data.x3d + offset
    seen = []

    class Looking(LMSolver):
        def solve_problem(self, problem, *arguments):
            seen.append(problem.frame.offset)
            return super().solve_problem(problem, *arguments)

    net = EProPnP4DoF(8, solver=Looking(4, normalize=normalize))
    for call in (net, net.monte_carlo_forward):
        call(x3d, *data.correspondences[1:], HuberPnPCost(5.0), data.pose)
    for frame_offset in seen:
        assert (frame_offset is not None) == normalize
        if normalize:
            torch.testing.assert_close(frame_offset, x3d.mean(1))


def test_fast_mode_and_trust_region_reach_start_and_solver():
    """Every part uses the steps that were asked for."""
    seen = []

    class Looking:
        def __init__(self, backend):
            self.backend = backend

        def minimize(self, cost, pose, num_iter, rule):
            seen.append((num_iter, rule))
            return self.backend.minimize(cost, pose, num_iter, rule)

        def minimize_subsets(self, cost, index, pose, num_iter, rule):
            seen.append((num_iter, rule))
            return self.backend.minimize_subsets(cost, index, pose, num_iter, rule)

        def __getattr__(self, name):
            return getattr(self.backend, name)

    from epropnp import EagerBackend, GaussNewton, TrustRegion

    data = scene(4, noise=1.0)
    region = TrustRegion(eps=1e-4)
    for published in (False, True):
        solver = LMSolver(
            4, 3, init_solver=RSLMSolver(num_iter=2, num_proposals=4), trust_region=region,
            published_fast_mode=published,
        )  # fmt: skip
        net = EProPnP4DoF(8, solver=solver, backend=Looking(EagerBackend()))
        for fast, rule in ((False, region), (True, GaussNewton(keep_best=not published))):
            seen.clear()
            net(*data.correspondences, HuberPnPCost(5.0), fast_mode=fast)
            assert seen == [(2, rule), (3, rule)]


def test_published_fast_mode_differentiates_the_unclipped_projection():
    """Its differentiable step follows points beyond the border of the image; the safe one not."""
    data = scene(4, noise=1.0)
    x2d = data.x2d.clone().requires_grad_()
    camera = data.camera.bind(data.camera.cam_mats, lb=300.0, ub=500.0)  # clips most of them
    steps = [
        LMSolver(4, 2, published_fast_mode=published)(
            data.x3d, x2d, data.w2d, camera, HuberPnPCost(5.0), data.pose,
            fast_mode=True, with_pose_opt_plus=True,
        ).pose_opt_plus
        for published in (False, True)
    ]  # fmt: skip
    reached = [(torch.autograd.grad(s.sum(), x2d)[0] != 0).any(-1).double().mean() for s in steps]
    assert reached[1] > reached[0] + 0.1
