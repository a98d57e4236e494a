"""Point solver: correspondences in, one pose per object out.

Source: EPro-PnP (arXiv 2203.13254), section 3.3 and the appendix on the PnP solver.
"""

import torch
from torch import Tensor, nn

from epropnp.arguments import check_count, check_dof, check_flag, check_generator, check_part
from epropnp.backends import Backend, StepRule, default_backend
from epropnp.camera import PerspectiveCamera
from epropnp.checks import check_camera
from epropnp.cost import PoseCost
from epropnp.diagnostics import diagnose
from epropnp.gauss_newton import GaussNewton
from epropnp.implicit import implicit_pose
from epropnp.initializers import Start, Starts
from epropnp.levenberg_marquardt import Solution, TrustRegion
from epropnp.manifolds import PoseManifold, QuatPose, YawPose
from epropnp.precision import full_precision
from epropnp.problem import CostSetting, Problem, build_problem
from epropnp.solution import PnPSolution, Search, SolveOptions

BACKEND = ("minimize", "values", "attach", "newton_step", "sample", "log_density")


class LMSolver(nn.Module):
    """Levenberg-Marquardt PnP solver with an optional random-sample start.

    Args:
        dof: 4 (translation and yaw) or 6 (translation and quaternion).
        num_iter: solver steps.
        normalize: solve with the origin moved to the mean of the object points.
        init_solver: start if none is given, such as `RSLMSolver`.
        trust_region: step control.
        published_fast_mode: ``fast_mode`` as published: plain Gauss-Newton with the Jacobian of
            the unclipped projection, and the last pose whatever its cost. Otherwise the Jacobian
            is that of the cost, and the best pose on the way is kept.
        implicit_gradient: ``pose_opt_plus`` is `pose_opt` with the exact gradient of the minimum
            (`implicit_pose`), instead of the pose after one differentiable Gauss-Newton step.
        backend: arithmetic, where the solver is called on its own; a layer brings its own.

    Raises:
        TypeError: arguments of the wrong kind.
        ValueError: ``dof`` is neither 4 nor 6, or ``num_iter`` is negative.
    """

    def __init__(
        self,
        dof: int = 4,
        num_iter: int = 10,
        normalize: bool = False,
        init_solver: Start | None = None,
        trust_region: TrustRegion | None = None,
        published_fast_mode: bool = False,
        implicit_gradient: bool = False,
        backend: Backend | None = None,
    ):
        super().__init__()
        check_dof(dof)
        check_count("num_iter", num_iter)
        check_flag("normalize", normalize)
        check_part("init_solver", init_solver, "__call__")
        check_part("trust_region", trust_region, "minimize")
        check_flag("published_fast_mode", published_fast_mode)
        check_flag("implicit_gradient", implicit_gradient)
        check_part("backend", backend, *BACKEND)
        self.dof = dof
        self.num_iter = num_iter
        self.normalize = normalize
        self.init_solver = init_solver
        self.trust_region = trust_region or TrustRegion()
        self.published_fast_mode = published_fast_mode
        self.implicit_gradient = implicit_gradient
        self.backend = backend or default_backend()

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
        """Solve for the most likely pose of each object.

        Args:
            x3d: (B, n, 3) object frame, metres.
            x2d: (B, n, 2) pixels.
            w2d: (B, n, 2) weights, not negative, per pixel.
            camera: bound camera.
            cost_fun: choice of the robust kernel.
            pose_init: (B, P) start; quaternions get unit length.
            mask: (B, n) points that count, all if None; of the others not even NaN matters.
            force_init_solve: let the solver's own start compete with ``pose_init``, object by
                object. False starts from ``pose_init`` alone.
            fast_mode: Gauss-Newton steps.
            with_pose_cov: also return the covariance.
            with_pose_opt_plus: also return the pose after one differentiable step.
            with_diagnostics: also return how well the objects were solved.
            generator: source of random numbers; torch's default one if None.

        Raises:
            TypeError: arguments of the wrong kind.
            ValueError: shapes that do not fit, or neither a start pose nor a start solver.
        """
        manifold = pose_manifold(self.dof, camera)
        problem = build_problem(x3d, x2d, w2d, camera, cost_fun, manifold, self.normalize, mask)
        options = SolveOptions(
            force_init_solve, fast_mode, with_pose_cov, with_pose_opt_plus, with_diagnostics
        ).checked()
        check_generator(generator)
        solution, _ = self.solve_problem(problem, pose_init, options, generator)
        solution = solution.leave(problem.frame)
        return solution.silenced(solution.valid, pose_init)

    def solve_problem(
        self,
        problem: Problem,
        pose_init: Tensor | Starts | None,
        options: SolveOptions,
        generator: torch.Generator | None = None,
        backend: Backend | None = None,
    ) -> tuple[PnPSolution, Search]:
        """Solve a prepared problem.

        The start is a pose (B, P) of the object's own frame, or several (E, B, P) that compete; or
        it is the best of `Starts` in the problem's frame, whose costs are known. The results are of
        the problem's frame, see `PnPSolution.leave`.
        """
        start, valid = pose_init, problem.valid
        if pose_init is not None and not isinstance(pose_init, Starts):
            start, finite = problem.start(pose_init)
            finite = finite.all(0) if finite.dim() == 2 else finite
            competes = options.force_init_solve and self.init_solver is not None
            valid = valid if competes else valid & finite
        search = self.search(
            problem.cost, start, options.force_init_solve, options.fast_mode, generator, backend
        )
        solution = search.solution
        plus = covariance = None
        valid = valid & solution.cost.isfinite()
        if options.with_pose_cov:
            covariance, solved = solution.covariance()
            valid = valid & solved
        if options.with_pose_opt_plus:
            plus = self.improve(problem.cost, solution.pose_opt, options.fast_mode, backend)
        found = diagnose(problem.cost, solution.pose_opt) if options.with_diagnostics else None
        return PnPSolution(solution.pose_opt, covariance, solution.cost, plus, valid, found), search

    @torch.no_grad()
    def search(
        self,
        cost: PoseCost,
        pose_init: Tensor | Starts | None = None,
        force_init_solve: bool = True,
        fast_mode: bool = False,
        generator: torch.Generator | None = None,
        backend: Backend | None = None,
    ) -> Search:
        """Minimise a cost; the arguments are those of `forward`.

        A given start competes with the random-sample start if ``force_init_solve``, object by
        object; this is how the true pose takes part in training. `Starts` take its place.

        Raises:
            ValueError: there is neither a start pose nor a start solver.
        """
        cost, rule = self._linearized(cost, fast_mode), self._rule(fast_mode)
        backend = backend or self.backend
        starts = pose_init
        if not isinstance(pose_init, Starts):
            starts = self._starts(cost, pose_init, force_init_solve, generator, rule, backend)
        solution = backend.minimize(cost, starts.best()[0], self.num_iter, rule)
        return Search(starts, solution)

    def _starts(
        self,
        cost: PoseCost,
        pose_init: Tensor | None,
        force_init_solve: bool,
        generator: torch.Generator | None,
        rule: StepRule,
        backend: Backend,
    ) -> Starts:
        """Given poses, and those of the start solver if there is one and it is to be asked."""
        if pose_init is None and self.init_solver is None:
            raise ValueError("without pose_init the solver needs an init_solver")
        given = pose_init[None] if pose_init is not None and pose_init.dim() == 2 else pose_init
        if given is not None and (self.init_solver is None or not force_init_solve):
            return Starts(given, backend.values(cost, given))
        starts = self.init_solver(cost, generator, rule, backend)
        for pose in () if given is None else given:
            value = backend.values(cost, pose.unsqueeze(0)).squeeze(0)
            starts = starts.and_given(pose, value)
        return starts

    def solve(
        self,
        cost: PoseCost,
        pose_init: Tensor | None = None,
        force_init_solve: bool = True,
        fast_mode: bool = False,
        generator: torch.Generator | None = None,
    ) -> Solution:
        """Solution of `search`."""
        return self.search(cost, pose_init, force_init_solve, fast_mode, generator).solution

    def improve(
        self,
        cost: PoseCost,
        pose: Tensor,
        fast_mode: bool = False,
        backend: Backend | None = None,
    ) -> Tensor:
        """Poses (B, P) after one differentiable Gauss-Newton step; see `gauss_newton_step`.

        With ``implicit_gradient`` the same poses, with the gradient of `implicit_pose`.
        """
        if self.implicit_gradient:
            return implicit_pose(cost, pose)
        step = (backend or self.backend).newton_step(self._linearized(cost, fast_mode), pose)
        return cost.manifold.retract(pose, step)

    def _linearized(self, cost: PoseCost, fast_mode: bool) -> PoseCost:
        return cost.unclipped() if fast_mode and self.published_fast_mode else cost

    def _rule(self, fast_mode: bool) -> StepRule:
        return GaussNewton(not self.published_fast_mode) if fast_mode else self.trust_region


def pose_manifold(dof: int, camera: PerspectiveCamera) -> PoseManifold:
    """Manifold with ``dof`` degrees of freedom for a camera, which may be tilted.

    Raises:
        TypeError: that is not a camera.
        ValueError: ``dof`` is neither 4 nor 6.
    """
    check_camera(camera)
    check_dof(dof)
    return YawPose(camera.gravity) if dof == 4 else QuatPose()
