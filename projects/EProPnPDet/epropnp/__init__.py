"""EPro-PnP: Perspective-n-Point as a probabilistic layer (arXiv 2203.13254). Torch only.

A network predicts object points, image points and weights; the layer turns them into a density
over poses, whose mode is the answer and whose log at the true pose is the training signal.

Letters in shapes: B objects, n points, S samples, Q random subsets, M residuals, P pose
parameters, D degrees of freedom. Leading axes of a pose tensor (..., B, P) are samples.

Units and frames: metres, radians, pixels. X_cam = R X_obj + t. Camera x right, y down, z forward;
pixel coordinates are continuous, the centre of the top-left pixel is (0.5, 0.5). 4DoF poses are
(x, y, z, yaw) with yaw about the camera's y axis (or gravity), 6DoF poses (x, y, z, w, i, j, k).
"""

from epropnp.amis import AMIS, PoseSamples
from epropnp.camera import PerspectiveCamera
from epropnp.cost import Linearization, PoseCost, ReprojectionCost
from epropnp.gauss_newton import gauss_newton, gauss_newton_step
from epropnp.initializers import RSLMSolver
from epropnp.kernels import AdaptiveHuberPnPCost, Huber, HuberPnPCost
from epropnp.layer import EProPnP4DoF, EProPnP6DoF, MonteCarloResult
from epropnp.levenberg_marquardt import Solution, TrustRegion, levenberg_marquardt
from epropnp.losses import MonteCarloPoseLoss, monte_carlo_pose_loss
from epropnp.manifolds import QuatPose, YawPose
from epropnp.posterior import PoseDistribution, pose_distribution
from epropnp.solvers import LMSolver, PnPSolution

__all__ = [
    "AMIS",
    "AdaptiveHuberPnPCost",
    "EProPnP4DoF",
    "EProPnP6DoF",
    "Huber",
    "HuberPnPCost",
    "LMSolver",
    "Linearization",
    "MonteCarloPoseLoss",
    "MonteCarloResult",
    "PerspectiveCamera",
    "PnPSolution",
    "PoseCost",
    "PoseDistribution",
    "PoseSamples",
    "QuatPose",
    "RSLMSolver",
    "ReprojectionCost",
    "Solution",
    "TrustRegion",
    "YawPose",
    "gauss_newton",
    "gauss_newton_step",
    "levenberg_marquardt",
    "monte_carlo_pose_loss",
    "pose_distribution",
]
