"""The probabilistic PnP layer: solver, sampler and their frames put together.

Source: EPro-PnP (arXiv 2203.13254), section 3 and figure 2.
"""

import torch
from torch import Tensor, nn

from epropnp.amis import AMIS, Sampler
from epropnp.arguments import (
    check_count,
    check_flag,
    check_generator,
    check_part,
)
from epropnp.backends import Backend, default_backend
from epropnp.calls import Call, Runner, directly
from epropnp.camera import PerspectiveCamera
from epropnp.cost import PoseCost
from epropnp.initializers import RSLMSolver, Starts
from epropnp.monte_carlo import MonteCarloResult, Stages, sample_density
from epropnp.peaks import BestPeak, PeakRule
from epropnp.precision import full_precision
from epropnp.problem import CostSetting, Problem, build_problem, problem_of
from epropnp.proposals import ProposalFamily, QuaternionProposals, YawProposals
from epropnp.solution import PnPSolution, PnPSolver, SolveOptions
from epropnp.solvers import BACKEND, LMSolver, pose_manifold
from epropnp.symmetry import Symmetry


class EProPnP(nn.Module):
    """Probabilistic PnP; use `EProPnP4DoF` or `EProPnP6DoF`.

    Args:
        mc_samples: S, samples per object in all rounds together.
        num_iter: rounds of adaptive sampling.
        normalize: solve and sample with the origin moved to the mean of the object points. A solver
            that is given has this setting itself; here it may only be repeated.
        solver: such as `LMSolver`; ten steps from a random-sample start if None.
        proposals: family of proposal distributions; with the rule ``PublishedFit`` it fits them as
            published.
        sampler: takes the place of ``AMIS(mc_samples, num_iter, proposals)``.
        peaks: where sampling begins: the solution alone if None, as published; `DistinctPeaks()`
            where a second mode must not be missed.
        backend: arithmetic of start, solver, sampler and loss.
        runner: carries out the calls; `CUDAGraphs` replays them on a GPU.

    Raises:
        TypeError: arguments of the wrong kind.
        ValueError: solver or proposals are for other poses, ``normalize`` is not that of the
            solver, ``mc_samples`` is not a multiple of ``num_iter``, or ``proposals`` are given
            together with a sampler.
    """

    dof: int
    proposal_family: type

    def __init__(
        self,
        mc_samples: int = 512,
        num_iter: int = 4,
        normalize: bool | None = None,
        solver: PnPSolver | None = None,
        proposals: ProposalFamily | None = None,
        sampler: Sampler | None = None,
        peaks: PeakRule | None = None,
        backend: Backend | None = None,
        runner: Runner | None = None,
    ):
        super().__init__()
        check_count("mc_samples", mc_samples, 1)
        check_count("num_iter", num_iter, 1)
        if normalize is not None:
            check_flag("normalize", normalize)
        check_part("solver", solver, "solve_problem")
        check_part("proposals", proposals, "around", "fit")
        check_part("sampler", sampler, "sample")
        check_part("peaks", peaks, "__call__")
        check_part("backend", backend, *BACKEND)
        check_part("runner", runner, "__call__")
        if solver is None:
            solver = LMSolver(self.dof, normalize=bool(normalize), init_solver=RSLMSolver())
        self.solver = solver
        if self.solver.dof != self.dof:
            raise ValueError(
                f"{type(self).__name__} needs a solver with dof={self.dof}, got {self.solver.dof}"
            )
        if normalize not in (None, solver.normalize):
            raise ValueError(
                f"normalize={normalize} contradicts normalize={solver.normalize} of the solver; "
                "give it to the solver"
            )
        if getattr(proposals, "dof", self.dof) != self.dof:
            raise ValueError(
                f"{type(self).__name__} needs proposals for {self.dof} degrees of freedom, "
                f"got {type(proposals).__name__} for {proposals.dof}"
            )
        if sampler is not None and proposals is not None:
            raise ValueError("give the proposals to the sampler, not to the layer")
        family = proposals or self.proposal_family()
        self.sampler = sampler or AMIS(mc_samples, num_iter, family)
        self.peaks = peaks or BestPeak()
        self.backend = backend or default_backend()
        self.runner = runner or directly

    @full_precision
    def forward(  # noqa: PLR0913 - the signature users know
        self,
        x3d: Tensor,
        x2d: Tensor,
        w2d: Tensor,
        camera: PerspectiveCamera,
        cost_fun: CostSetting,
        pose_init: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        force_init_solve: bool = True,
        fast_mode: bool = False,
        with_pose_cov: bool = False,
        with_pose_opt_plus: bool = False,
        with_diagnostics: bool = False,
        generator: torch.Generator | None = None,
    ) -> PnPSolution:
        """Solve for the most likely pose of each object; arguments as in `LMSolver.forward`."""
        options = SolveOptions(
            force_init_solve, fast_mode, with_pose_cov, with_pose_opt_plus, with_diagnostics
        )
        call = Call(x3d, x2d, w2d, camera, cost_fun, pose_init, mask, options, generator=generator)
        return self.runner(self._solve_call, call)

    @full_precision
    def monte_carlo_forward(  # noqa: PLR0913 - the signature users know
        self,
        x3d: Tensor,
        x2d: Tensor,
        w2d: Tensor,
        camera: PerspectiveCamera,
        cost_fun: CostSetting,
        pose_init: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        force_init_solve: bool = True,
        fast_mode: bool = False,
        with_pose_opt_plus: bool = False,
        with_diagnostics: bool = False,
        symmetry: Symmetry | None = None,
        starts: Starts | None = None,
        generator: torch.Generator | None = None,
    ) -> MonteCarloResult:
        """Solve, then sample the pose density around the solution.

        Args:
            x3d: (B, n, 3) object frame, metres.
            x2d: (B, n, 2) pixels.
            w2d: (B, n, 2) weights, not negative, per pixel.
            camera: bound camera.
            cost_fun: choice of the robust kernel.
            pose_init: (B, P) the true pose in training: it competes with the random-sample start,
                and `MonteCarloResult.cost_target` is its cost. Quaternions get unit length.
            mask: (B, n) points that count, all if None; of the others not even NaN matters.
            force_init_solve: let the solver's own start compete with ``pose_init``, object by
                object. False starts from ``pose_init`` alone.
            fast_mode: Gauss-Newton steps.
            with_pose_opt_plus: also return the mode after one differentiable step.
            with_diagnostics: also return how well the objects were solved and sampled.
            symmetry: of the objects. All poses equivalent to ``pose_init`` compete as starts, and
                `MonteCarloResult.cost_target` is the cost of their set, see `epropnp.symmetry`.
            starts: those of a solution that `forward` found for the same correspondences and cost;
                they take the place of the solver's own start, so that it is searched for once.
            generator: source of random numbers; torch's default one if None.

        Raises:
            TypeError: arguments of the wrong kind.
            ValueError: shapes that do not fit, or neither a start pose nor a start solver.
        """
        options = SolveOptions(
            force_init_solve, fast_mode, True, with_pose_opt_plus, with_diagnostics
        )
        points = (x3d, x2d, w2d, camera, cost_fun, pose_init, mask)
        return self.runner(self._sample_call, Call(*points, options, symmetry, starts, generator))

    @full_precision
    def solve_cost(
        self,
        cost: PoseCost,
        pose_init: Tensor | None = None,
        *,
        force_init_solve: bool = True,
        with_pose_cov: bool = False,
        with_pose_opt_plus: bool = False,
        with_diagnostics: bool = False,
        generator: torch.Generator | None = None,
    ) -> PnPSolution:
        """Solve for the minimum of a cost that is made already, such as a `SumCost`.

        The other arguments are those of `forward`.
        """
        options = SolveOptions(
            force_init_solve, False, with_pose_cov, with_pose_opt_plus, with_diagnostics
        )
        return self._solve(problem_of(cost, self.solver.normalize), pose_init, options, generator)

    @full_precision
    def sample_cost(
        self,
        cost: PoseCost,
        pose_init: Tensor | None = None,
        *,
        force_init_solve: bool = True,
        with_pose_opt_plus: bool = False,
        with_diagnostics: bool = False,
        symmetry: Symmetry | None = None,
        generator: torch.Generator | None = None,
    ) -> MonteCarloResult:
        """Solve and sample a cost that is made already, such as a `SumCost`.

        The other arguments are those of `monte_carlo_forward`.
        """
        options = SolveOptions(force_init_solve, False, True, with_pose_opt_plus, with_diagnostics)
        problem = problem_of(cost, self.solver.normalize)
        return self._sample(problem, pose_init, options, symmetry, generator)

    def _solve_call(self, call: Call) -> PnPSolution:
        return self._solve(self._problem(call), call.pose_init, call.options, call.generator)

    def _sample_call(self, call: Call) -> MonteCarloResult:
        given, rest = call.pose_init, (call.symmetry, call.generator, call.starts)
        return self._sample(self._problem(call), given, call.options, *rest)

    def _problem(self, call: Call) -> Problem:
        manifold, normalize = pose_manifold(self.dof, call.camera), self.solver.normalize
        return build_problem(*call[:5], manifold, normalize, call.mask)

    def _solve(
        self,
        problem: Problem,
        pose_init: Tensor | None,
        options: SolveOptions,
        generator: torch.Generator | None,
    ) -> PnPSolution:
        options.checked()
        check_generator(generator)
        solution, search = self.solver.solve_problem(
            problem, pose_init, options, generator, self.backend
        )
        solution = solution.leave(problem.frame)
        solution = solution._replace(starts=search.starts.moved(problem.frame.leave))
        return solution.silenced(solution.valid, pose_init)

    def _sample(
        self,
        problem: Problem,
        pose_init: Tensor | None,
        options: SolveOptions,
        symmetry: Symmetry | None,
        generator: torch.Generator | None,
        starts: Starts | None = None,
    ) -> MonteCarloResult:
        options.checked()
        check_generator(generator)
        stages = Stages(self.solver, self.peaks, self.sampler, self.backend)
        return sample_density(stages, problem, pose_init, options, symmetry, generator, starts)


class EProPnP4DoF(EProPnP):
    """Probabilistic PnP over translation and yaw; see `EProPnP` for the arguments."""

    dof = 4
    proposal_family = YawProposals


class EProPnP6DoF(EProPnP):
    """Probabilistic PnP over translation and rotation; see `EProPnP` for the arguments."""

    dof = 6
    proposal_family = QuaternionProposals
