"""The measured calls of the layer: training steps, solves, stages, and how they scale."""

from collections.abc import Callable

import torch

from epropnp import (
    AdaptiveHuberPnPCost,
    Backend,
    EProPnP4DoF,
    EProPnP6DoF,
    LinearStart,
    LMSolver,
    RSLMSolver,
    Start,
    monte_carlo_pose_loss,
)
from epropnp.problem import build_problem
from epropnp.solvers import pose_manifold
from layer.contender import Contender, captured
from layer.problems import Scene
from layer.timing import Metric

# Median ms of the published layer for the same work on two idle cores (Intel Xeon, AVX-512), one
# Monte Carlo training step each, measured once; it is not part of this repository.
PUBLISHED = {
    "4DoF, 48 objects x 128 points, 128 samples": 140.0,
    "4DoF, 288 objects x 128 points, 128 samples": 566.0,
    "6DoF, 32 objects x 512 points, 512 samples": 522.0,
    "6DoF, 32 objects x 4096 points, 512 samples": 7472.0,
}
WORK = {  # dof, objects, points, samples, solver steps, random subsets
    "4DoF, 48 objects x 128 points, 128 samples": (4, 48, 128, 128, 10, 64),
    "4DoF, 288 objects x 128 points, 128 samples": (4, 288, 128, 128, 10, 64),
    "6DoF, 32 objects x 512 points, 512 samples": (6, 32, 512, 512, 5, 4),
    "6DoF, 32 objects x 4096 points, 512 samples": (6, 32, 4096, 512, 5, 4),
}
SCALING = {  # around 64 objects x 128 points x 128 samples
    "objects": [(4, n, 128, 128, 10, 16) for n in (16, 64, 256, 1024)],
    "points": [(4, 64, n, 128, 10, 16) for n in (32, 128, 512, 2048)],
    "samples": [(4, 64, 128, n, 10, 16) for n in (32, 128, 512, 2048)],
}


def make_layer(dof: int, samples: int, steps: int, start: Start | None, backend: Backend):
    """A layer whose solver takes so many steps from a start."""
    solver = LMSolver(dof, steps, init_solver=start, backend=backend)
    return (EProPnP4DoF if dof == 4 else EProPnP6DoF)(samples, 4, solver=solver, backend=backend)


def training_step(
    work: tuple, contender: Contender, start: Start | None = None
) -> Callable[[], torch.Tensor]:
    """Forward and backward of the Monte Carlo loss with one differentiable step; the loss."""
    dof, objects, points, samples, steps, subsets = work
    start = start or RSLMSolver(num_proposals=subsets)
    layer = make_layer(dof, samples, steps, start, contender.backend)
    data = contender.scene(dof, objects, points)
    inputs = [t.clone().requires_grad_() for t in (data.x3d, data.x2d, data.w2d)]

    def step() -> torch.Tensor:
        result = layer.monte_carlo_forward(
            *inputs, data.camera, AdaptiveHuberPnPCost(), data.pose, with_pose_opt_plus=True
        )
        loss = monte_carlo_pose_loss(result.pose_sample_logweights, result.cost_target).mean()
        for tensor in inputs:
            tensor.grad = None
        (loss + 1e-3 * result.pose_opt_plus.square().mean()).backward()
        return loss.detach()

    return step


def training_metrics(contender: Contender) -> list[Metric]:
    """Training steps of `WORK`, with the loss after one seed as what they are worth."""
    found = []
    starts = {
        "": None,
        "linear start and 8 random subsets": LinearStart(beside=RSLMSolver(num_proposals=8)),
        "linear start": LinearStart(),
    }
    for name, start in starts.items():
        for case, work in WORK.items():
            step = training_step(work, contender, start)
            torch.manual_seed(0)
            error = f"loss {step().item():.3f}"
            label = f"{case}, {name or f'{work[-1]} random subsets'}"
            call = captured(step) if contender.captured else step
            found.append(contender.timed(f"training step | {label}", call, error))
    return found


def tiny_metrics(contender: Contender) -> list[Metric]:
    """A step that takes no time, to try the command."""
    step = training_step((4, 2, 8, 8, 2, 2), contender)
    return [contender.timed("tiny | 4DoF, 2 objects x 8 points, 8 samples", step)]


def scaling_metrics(contender: Contender) -> list[Metric]:
    """Training steps of `SCALING`."""
    found = []
    for axis, works in SCALING.items():
        for work in works:
            step = training_step(work, contender)
            call = captured(step) if contender.captured else step
            found.append(contender.timed(f"scaling | {axis} {work[1:4]}", call))
    return found


def stage_metrics(contender: Contender) -> list[Metric]:
    """What a step of 288 objects x 128 points x 128 samples consists of."""
    data, backend = contender.scene(4, 288, 128), contender.backend
    layer = make_layer(4, 128, 10, RSLMSolver(num_proposals=64), backend)
    kernel = AdaptiveHuberPnPCost()
    manifold = pose_manifold(4, data.camera)

    def prepare():
        return build_problem(*data.correspondences, kernel, manifold)

    cost = prepare().cost
    names = ("points_obj", "points_2d", "weights", "kernel.delta")
    leaves = {key: cost.leaves()[key].clone().requires_grad_() for key in names}
    learnt = cost.with_leaves(leaves)
    rule = layer.solver.trust_region
    with torch.no_grad():
        solution = backend.minimize(cost, data.pose, 10, rule)
        start = layer.solver.init_solver(cost, None, rule, backend)
        peaks = layer.peaks(cost, start, solution, backend)
        samples = layer.sampler.sample(cost, peaks, backend, None)
    poses, values = samples.pose_samples, backend.values(cost, samples.pose_samples)

    def adjoint():
        attached = backend.attach(learnt, poses, values)
        return torch.autograd.grad(attached.sum(), list(leaves.values()))

    def newton():
        step = backend.newton_step(learnt, solution.pose_opt)
        return torch.autograd.grad(step.sum(), list(leaves.values()))

    calls = {
        "tensors to cost": prepare,
        "start from 64 random subsets": lambda: layer.solver.init_solver(cost, None, rule, backend),
        "linear start": lambda: LinearStart()(cost, None, rule, backend),
        "10 solver steps": lambda: backend.minimize(cost, data.pose, 10, rule),
        "sampling in 4 rounds": lambda: layer.sampler.sample(cost, peaks, backend, None),
        "  of it the costs": lambda: backend.values(cost, poses),
        "gradient of the sample costs": adjoint,
        "differentiable step and its gradient": newton,
    }
    return [contender.timed(f"stage | {stage}", call) for stage, call in calls.items()]


def solve_metrics(contender: Contender) -> list[Metric]:
    """Solves with both kinds of pose."""
    return [metric for dof in (4, 6) for metric in solves_of(contender, dof)]


def solves_of(contender: Contender, dof: int) -> list[Metric]:
    """Poses with covariance, weighted and robust: from nothing, and from a given pose."""
    found, data = [], contender.scene(dof, 256, 128)
    starts = {
        "from 64 random subsets": RSLMSolver(num_proposals=64),
        "from 16 random subsets": RSLMSolver(num_proposals=16),
        "from 8 random subsets": RSLMSolver(num_proposals=8),
        "from the linear start": LinearStart(),
        "from a given pose": None,
    }
    for what, init_solver in starts.items():
        layer = make_layer(dof, 128, 5, init_solver, contender.backend)
        near = data.pose + 0.05 * torch.randn_like(data.pose)
        start = near if init_solver is None else None

        def call(layer=layer, start=start):
            return layer(
                *data.correspondences,
                AdaptiveHuberPnPCost(),
                start,
                force_init_solve=False,
                with_pose_cov=True,
            )

        torch.manual_seed(0)
        result = call()
        error = translation_error(result.pose_opt, data)
        found.append(contender.timed(f"solve | {dof}DoF {what}", call, error))
    return found


def translation_error(pose: torch.Tensor, data: Scene) -> str:
    """Median distance from the true position, as text."""
    distance = (pose[:, :3] - data.pose[:, :3]).norm(dim=-1).median().item()
    return f"{100.0 * distance:.1f} cm"
