"""Pose density of objects by weighted samples: solve, then sample around the solution.

Source: EPro-PnP (arXiv 2203.13254), section 3.2 and algorithm 1.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from epropnp.amis import Sampler
from epropnp.arguments import check_tensor
from epropnp.backends import Backend
from epropnp.checks import check_pose
from epropnp.cost import PoseCost
from epropnp.diagnostics import Diagnostics
from epropnp.initializers import Starts
from epropnp.peaks import PeakRule
from epropnp.problem import Problem
from epropnp.solution import PnPSolver, SolveOptions
from epropnp.symmetry import Symmetry, set_cost


class MonteCarloResult(NamedTuple):
    """Pose density of B objects, by weighted samples.

    Attributes:
        pose_opt: (B, P) mode, without gradient.
        cost: (B,) at the mode, without gradient.
        pose_opt_plus: (B, P) mode after one differentiable Gauss-Newton step, or None.
        pose_samples: (S, B, P), without gradient.
        pose_sample_logweights: (S, B) log importance weights, with gradient; -inf for an object
            that is not valid, by which `monte_carlo_pose_loss` knows it.
        cost_target: (B,) cost of the true pose, with gradient; None without a true pose, zero for
            an object that is not valid.
        valid: (B,) sound input and true pose, enough points, finite result. Of the other objects
            no loss has a gradient.
        pose_cov: (B, D, D) covariance of a tangent step at the mode, without gradient.
        diagnostics: how well the objects were solved and sampled, or None.
        pose_sample_costs: (S, B) costs of the samples, without gradient, or None.
    """

    pose_opt: Tensor
    cost: Tensor
    pose_opt_plus: Tensor | None
    pose_samples: Tensor
    pose_sample_logweights: Tensor
    cost_target: Tensor | None
    valid: Tensor
    pose_cov: Tensor
    diagnostics: Diagnostics | None = None
    pose_sample_costs: Tensor | None = None


class Stages(NamedTuple):
    """The parts that sampling goes through, in their order, and what computes them."""

    solver: PnPSolver
    peaks: PeakRule
    sampler: Sampler
    backend: Backend


def sample_density(
    stages: Stages,
    problem: Problem,
    pose_init: Tensor | None,
    options: SolveOptions,
    symmetry: Symmetry | None = None,
    generator: torch.Generator | None = None,
    starts: Starts | None = None,
) -> MonteCarloResult:
    """Solve a problem of B objects and sample its density; see `EProPnP.monte_carlo_forward`.

    Args:
        stages: solver, rule of the peaks, sampler and backend.
        problem: cost and frame.
        pose_init: (B, P) poses of the objects' own frame that compete as starts, or None.
        options: of the solver.
        symmetry: of the objects, or None.
        generator: source of random numbers; torch's default one if None.
        starts: known ones, instead of the solver's own, or None.

    Raises:
        TypeError: ``symmetry`` or ``starts`` are something else.
        ValueError: shapes that do not fit, or neither a start pose nor a start solver.
    """
    backend = stages.backend
    given = _equivalent(problem, pose_init, symmetry)
    begin = given if starts is None else _competing(problem, given, starts, backend)
    inside, search = stages.solver.solve_problem(problem, begin, options, generator, backend)
    peaks = stages.peaks(problem.cost, search.starts, search.solution, backend)
    samples = stages.sampler.sample(problem.cost, peaks, backend, generator)
    solution = inside.leave(problem.frame)
    log_weights = samples.pose_sample_logweights
    valid = solution.valid & log_weights.detach().logsumexp(0).isfinite()
    cost_target = None
    if given is not None:
        cost_target, valid = _target(problem, given, symmetry, valid, backend)
    solution = solution.silenced(valid, pose_init)
    found = solution.diagnostics
    return MonteCarloResult(
        pose_opt=solution.pose_opt,
        cost=solution.cost,
        pose_opt_plus=solution.pose_opt_plus,
        pose_samples=problem.frame.leave(samples.pose_samples),
        pose_sample_logweights=torch.where(valid, log_weights, -torch.inf),
        cost_target=cost_target,
        valid=valid,
        pose_cov=solution.pose_cov,
        diagnostics=None if found is None else found.with_weights(log_weights),
        pose_sample_costs=samples.pose_sample_costs,
    )


def _target(
    problem: Problem, given: Tensor, symmetry: Symmetry | None, valid: Tensor, backend: Backend
) -> tuple[Tensor, Tensor]:
    """Cost (B,) of given poses, zero where not valid, and which objects (B,) stay valid."""
    target, finite = problem.start(given)
    cost_target = _values(problem.cost, target, backend)
    if symmetry is not None:
        cost_target, finite = set_cost(cost_target, symmetry.exists), finite.all(0)
    valid = valid & finite & cost_target.detach().isfinite()
    return torch.where(valid, cost_target, 0.0), valid


def _values(cost: PoseCost, pose: Tensor, backend: Backend) -> Tensor:
    """Costs (B,) or (E, B) of given poses (B, P) or (E, B, P), with gradient."""
    if pose.requires_grad:
        return cost.value(pose)
    poses = pose if pose.dim() == 3 else pose.unsqueeze(0)
    values = backend.attach(cost, poses, backend.values(cost, poses))
    return values if pose.dim() == 3 else values.squeeze(0)


@torch.no_grad()
def _competing(problem: Problem, given: Tensor | None, starts: Starts, backend: Backend) -> Starts:
    """Known starts and given poses (B, P) or (E, B, P), in the frame of the problem."""
    if not isinstance(starts, Starts):
        raise TypeError(f"starts must be Starts, got {type(starts).__name__}")
    num, size = len(problem.valid), problem.cost.manifold.num_params
    check_tensor("starts.pose_init", starts.pose_init, ("Q", num, size))
    starts = starts.moved(problem.frame.enter)
    if given is not None:
        poses, _ = problem.start(given)
        poses = poses[None] if poses.dim() == 2 else poses
        for pose, value in zip(poses, backend.values(problem.cost, poses), strict=True):
            starts = starts.and_given(pose, value)
    return starts


def _equivalent(
    problem: Problem, pose_init: Tensor | None, symmetry: Symmetry | None
) -> Tensor | None:
    """Poses (E, B, P) equivalent to given ones (B, P); those themselves without a symmetry."""
    if symmetry is not None and not isinstance(symmetry, Symmetry):
        raise TypeError(f"symmetry must be a Symmetry, got {type(symmetry).__name__}")
    if pose_init is None or symmetry is None:
        return pose_init
    manifold = problem.frame.manifold
    check_pose("pose_init", pose_init, len(problem.valid), manifold)
    return symmetry.equivalent(manifold, manifold.project(pose_init))
