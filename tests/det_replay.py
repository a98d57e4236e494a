"""The pose stage of the recorded training step: recorded poses and draws, our costs and steps."""

from torch import nn

from det_train_reference import TrainReference
from epropnp import EagerBackend, LMSolver, MonteCarloResult, PnPSolution, YawPose
from epropnp.problem import build_problem
from epropnp_det.models.pose.pose_solver import PoseSolver


class ReplayedPnP(nn.Module):
    """PnP layer that finds the recorded poses and draws the recorded samples.

    Costs, the differentiable step and all gradients are computed by the layer's own parts.
    """

    def __init__(self, reference: TrainReference) -> None:
        super().__init__()
        self.reference = reference
        self.solver = LMSolver(dof=4)

    def _problem(self, x3d, x2d, w2d, camera, cost_fun):
        return build_problem(x3d, x2d, w2d, camera, cost_fun, YawPose(), normalize=True)

    def monte_carlo_forward(self, *correspondences, pose_init, starts):
        problem = self._problem(*correspondences)
        samples = problem.frame.enter(self.reference["mc_pose_samples"])
        backend = EagerBackend()
        cost = backend.attach(problem.cost, samples, backend.values(problem.cost, samples))
        log_density = -cost.detach() - self.reference["mc_logweights"]
        return MonteCarloResult(
            pose_opt=self.reference["mc_pose_opt"],
            cost=None,
            pose_opt_plus=None,
            pose_samples=self.reference["mc_pose_samples"],
            pose_sample_logweights=-cost - log_density,
            cost_target=problem.cost.value(problem.frame.enter(pose_init)),
            valid=problem.valid,
            pose_cov=None,
        )

    def forward(self, *correspondences, with_pose_opt_plus):
        assert with_pose_opt_plus
        problem = self._problem(*correspondences)
        pose = self.reference["score_pose_opt"]
        plus = self.solver.improve(problem.cost, problem.frame.enter(pose))
        return PnPSolution(pose, None, None, problem.frame.leave(plus), problem.valid)


class ReplayedPoseSolver(PoseSolver):
    """Pose stage around :class:`ReplayedPnP`."""

    def __init__(self, reference: TrainReference) -> None:
        super().__init__(
            pnp=dict(type="EProPnP4DoF"),
            cost_fun=dict(type="AdaptiveHuberPnPCost", delta_gradient="all", every_point=True),
        )
        self.pnp = ReplayedPnP(reference)
