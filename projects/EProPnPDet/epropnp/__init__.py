"""EPro-PnP: Perspective-n-Point as a probabilistic layer (arXiv 2203.13254). Torch only.

A network predicts object points, image points and weights; the layer turns them into a density
over poses, whose mode is the answer and whose log at the true pose is the training signal.

Letters in shapes: B objects, n points, S samples, Q random subsets, M residuals, P pose
parameters, D degrees of freedom. Leading axes of a pose tensor (..., B, P) are samples.

Units and frames: metres, radians, pixels. X_cam = R X_obj + t. Camera x right, y down, z forward;
pixel coordinates are continuous, the centre of the top-left pixel is (0.5, 0.5). 4DoF poses are
(x, y, z, yaw) with yaw about the camera's y axis (or gravity), 6DoF poses (x, y, z, w, i, j, k).

Names in results, the same in every record:
    pose_init: a pose to start from.
    pose_opt, pose_cov: a mode, the minimum of the cost; the covariance of a tangent step there in
        the Laplace approximation.
    cost: the cost at the record's pose, nats. `PoseCost.value` gives it at any other pose;
        pose_cost is the `PoseCost` itself.
    pose_opt_plus: the mode after one differentiable Gauss-Newton step.
    pose_samples: samples of the pose density; with pose_sample_logweights, the logs of their
        unnormalised importance weights, pose_sample_weights, which have sum one, and
        pose_sample_costs.
    cost_target: the cost of the true pose.
    valid: mask of the objects whose numbers mean something.
"""

from epropnp.amis import AMIS, PoseSamples, Sampler
from epropnp.backends import Backend, EagerBackend, default_backend, set_default_backend
from epropnp.backends.warmup import warm_up
from epropnp.camera import PerspectiveCamera
from epropnp.conversions import (
    matrix_to_pose,
    metric_covariance,
    pose_to_matrix,
    quaternion_pose,
    tangent_covariance,
    yaw_pose,
)
from epropnp.cost import LeastSquaresCost, Linearization, NormalEquations, PoseCost
from epropnp.cuda_graphs import CUDAGraphs
from epropnp.diagnostics import Diagnostics
from epropnp.distortion import DistortedCamera
from epropnp.gauss_newton import GaussNewton, gauss_newton, gauss_newton_step
from epropnp.implicit import implicit_pose
from epropnp.initializers import RSLMSolver, Start, Starts
from epropnp.kernels import AdaptiveHuberPnPCost, Huber, HuberPnPCost
from epropnp.layer import EProPnP4DoF, EProPnP6DoF
from epropnp.levenberg_marquardt import Solution, TrustRegion, levenberg_marquardt
from epropnp.linear_start import LinearStart
from epropnp.losses import MonteCarloPoseLoss, monte_carlo_pose_loss
from epropnp.manifolds import QuatPose, YawPose
from epropnp.modes import PoseModes, pose_modes
from epropnp.monte_carlo import MonteCarloResult
from epropnp.peaks import BestPeak, DistinctPeaks, PeakRule, Peaks
from epropnp.posterior import PoseDistribution, cost_distribution, pose_distribution
from epropnp.record import Record
from epropnp.reprojection import ReprojectionCost
from epropnp.robust_kernels import (
    L2,
    AdaptiveCauchyPnPCost,
    AdaptiveGemanMcClurePnPCost,
    AdaptiveTukeyPnPCost,
    Cauchy,
    CauchyPnPCost,
    GemanMcClure,
    GemanMcClurePnPCost,
    L2PnPCost,
    Tukey,
    TukeyPnPCost,
)
from epropnp.solution import PnPSolution, PnPSolver
from epropnp.solvers import LMSolver
from epropnp.symmetry import Symmetry, set_cost, symmetric_pose_loss
from epropnp.terms import PlaneCost, PosePrior, SumCost, ViewedCost
from epropnp.wide import WideQuaternionProposals

__all__ = [
    "AMIS",
    "L2",
    "AdaptiveCauchyPnPCost",
    "AdaptiveGemanMcClurePnPCost",
    "AdaptiveHuberPnPCost",
    "AdaptiveTukeyPnPCost",
    "Backend",
    "BestPeak",
    "CUDAGraphs",
    "Cauchy",
    "CauchyPnPCost",
    "Diagnostics",
    "DistinctPeaks",
    "DistortedCamera",
    "EProPnP4DoF",
    "EProPnP6DoF",
    "EagerBackend",
    "GaussNewton",
    "GemanMcClure",
    "GemanMcClurePnPCost",
    "Huber",
    "HuberPnPCost",
    "L2PnPCost",
    "LMSolver",
    "LeastSquaresCost",
    "LinearStart",
    "Linearization",
    "MonteCarloPoseLoss",
    "MonteCarloResult",
    "NormalEquations",
    "PeakRule",
    "Peaks",
    "PerspectiveCamera",
    "PlaneCost",
    "PnPSolution",
    "PnPSolver",
    "PoseCost",
    "PoseDistribution",
    "PoseModes",
    "PosePrior",
    "PoseSamples",
    "QuatPose",
    "RSLMSolver",
    "Record",
    "ReprojectionCost",
    "Sampler",
    "Solution",
    "Start",
    "Starts",
    "SumCost",
    "Symmetry",
    "TrustRegion",
    "Tukey",
    "TukeyPnPCost",
    "ViewedCost",
    "WideQuaternionProposals",
    "YawPose",
    "cost_distribution",
    "default_backend",
    "gauss_newton",
    "gauss_newton_step",
    "implicit_pose",
    "levenberg_marquardt",
    "matrix_to_pose",
    "metric_covariance",
    "monte_carlo_pose_loss",
    "pose_distribution",
    "pose_modes",
    "pose_to_matrix",
    "quaternion_pose",
    "set_cost",
    "set_default_backend",
    "symmetric_pose_loss",
    "tangent_covariance",
    "warm_up",
    "yaw_pose",
]
