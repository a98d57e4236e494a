"""What a solve takes, gives and went through.

Source: EPro-PnP (arXiv 2203.13254), section 3.3.
"""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from epropnp.arguments import check_flag
from epropnp.backends import Backend
from epropnp.diagnostics import Diagnostics
from epropnp.frames import ObjectFrame
from epropnp.gate import finite_objects
from epropnp.initializers import Starts
from epropnp.levenberg_marquardt import Solution
from epropnp.problem import Problem


class PnPSolution(NamedTuple):
    """Poses of B objects.

    Attributes:
        pose_opt: (B, P) mode of the pose density, without gradient.
        pose_cov: (B, D, D) covariance of a tangent step in the Laplace approximation, or None.
        cost: (B,) at `pose_opt`, without gradient.
        pose_opt_plus: (B, P) `pose_opt` after one differentiable Gauss-Newton step, or None; of an
            object that is not valid see `silenced`.
        valid: (B,) the object had sound input and enough points, and its result is finite.
        diagnostics: how well the objects were solved, or None.
        starts: poses that competed as the start, of which a layer's next call on the same
            correspondences can set out, see `EProPnP.monte_carlo_forward`; None of a bare solver.
    """

    pose_opt: Tensor
    pose_cov: Tensor | None
    cost: Tensor
    pose_opt_plus: Tensor | None
    valid: Tensor
    diagnostics: Diagnostics | None = None
    starts: Starts | None = None

    def leave(self, frame: ObjectFrame) -> "PnPSolution":
        """Poses of a frame as poses of the object."""
        pose, covariance, plus = frame.leave(self.pose_opt), self.pose_cov, self.pose_opt_plus
        valid = self.valid & finite_objects(pose)
        if covariance is not None:
            covariance = frame.leave_covariance(self.pose_opt, covariance)
            valid = valid & finite_objects(covariance)
        if plus is not None:
            plus = frame.leave(plus)
        return PnPSolution(pose, covariance, self.cost, plus, valid, self.diagnostics)

    def silenced(self, valid: Tensor, pose_init: Tensor | None) -> "PnPSolution":
        """The same for fewer valid objects (B,); of the others `pose_opt_plus` has no gradient.

        There it is ``pose_init``, so that a distance to a true pose given as that is zero; or
        `pose_opt` where that is not finite or nothing was given.
        """
        plus = self.pose_opt_plus
        if plus is not None:
            rest = self.pose_opt
            if pose_init is not None:
                given = finite_objects(pose_init).unsqueeze(-1)
                rest = torch.where(given, pose_init.detach().to(rest), rest)
            plus = torch.where(valid.unsqueeze(-1), plus, rest)
        return self._replace(valid=valid, pose_opt_plus=plus)


class SolveOptions(NamedTuple):
    """What a solve should do and return; see `LMSolver.forward`."""

    force_init_solve: bool = True
    fast_mode: bool = False
    with_pose_cov: bool = False
    with_pose_opt_plus: bool = False
    with_diagnostics: bool = False

    def checked(self) -> "SolveOptions":
        """These, if each is True or False.

        Raises:
            TypeError: one is something else.
        """
        for name, value in self._asdict().items():
            check_flag(name, value)
        return self


class Search(NamedTuple):
    """What a solver went through.

    Attributes:
        starts: poses that competed as the start.
        solution: minimum found from the best of them.
    """

    starts: Starts
    solution: Solution


class PnPSolver(Protocol):
    """What the probabilistic layer needs of a solver; `LMSolver` is one."""

    dof: int
    normalize: bool

    def solve_problem(
        self,
        problem: Problem,
        pose_init: Tensor | Starts | None,
        options: SolveOptions,
        generator: torch.Generator | None,
        backend: Backend,
    ) -> tuple[PnPSolution, Search]:
        """See `LMSolver.solve_problem`."""
        ...
